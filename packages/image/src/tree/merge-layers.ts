import type { LayerTree, LeafNode } from './nodes.ts';

/** The layers of an image as one tree. */
export interface MergedTree extends LayerTree {
  /** For every node that is not a directory: the index of the layer that it comes from. */
  readonly provenance: ReadonlyMap<LeafNode, number>;
}

/** Merges layers, bottom first, into a new tree; the layers stay as they are. Leaf nodes are shared with them. */
export function mergeLayers(_layers: readonly LayerTree[]): MergedTree {
  throw new Error('not written yet');
}
