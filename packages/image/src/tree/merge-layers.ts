import {
  createDirectory,
  type DirectoryNode,
  isOpaque,
  isWhiteout,
  type LayerTree,
  type LeafNode,
  OPAQUE_XATTR,
  type TreeNode,
  type Xattrs,
} from './nodes.ts';

/** The layers of an image as one tree. */
export interface MergedTree extends LayerTree {
  /** For every node of the tree that is not a directory: the index of the layer that it comes from. */
  readonly provenance: ReadonlyMap<LeafNode, number>;
}

/** A directory of a layer and the one of the merged tree that it goes to. */
interface Visit {
  readonly layer: DirectoryNode;
  readonly merged: DirectoryNode;
  /** Nothing was there before: whiteouts have nothing to delete and are kept. */
  readonly fresh: boolean;
}

/**
 * Merges layers, bottom first, into a new tree; the layers stay as they are. Leaf nodes are shared with them.
 *
 * What a layer says about its own root is ignored: the merged root is root:root 0755.
 */
export function mergeLayers(layers: readonly LayerTree[]): MergedTree {
  const root = createDirectory();
  const provenance = new Map<LeafNode, number>();
  layers.forEach((layer, index) => {
    mergeLayer(root, layer, (leaf) => provenance.set(leaf, index));
  });
  return { root, provenance: restrictTo(root, provenance) };
}

function mergeLayer(root: DirectoryNode, layer: LayerTree, onLeaf: (leaf: LeafNode) => void): void {
  // An explicit stack, since trees may be deeper than the engine's.
  const stack: Visit[] = [{ layer: layer.root, merged: root, fresh: false }];
  for (let visit = stack.pop(); visit !== undefined; visit = stack.pop()) {
    for (const [name, node] of visit.layer.children) {
      if (node.kind === 'directory') stack.push(mergeDirectory(visit.merged.children, name, node));
      else if (isWhiteout(node) && !visit.fresh) visit.merged.children.delete(name);
      else {
        visit.merged.children.set(name, node);
        onLeaf(node);
      }
    }
  }
}

function mergeDirectory(children: Map<string, TreeNode>, name: string, layer: DirectoryNode): Visit {
  const existing = children.get(name);
  const xattrs = withoutOpaque(layer.xattrs);
  if (existing?.kind !== 'directory') {
    const merged = createDirectory(layer.metadata, xattrs);
    children.set(name, merged);
    return { layer, merged, fresh: true };
  }
  if (isOpaque(layer)) existing.children.clear();
  existing.metadata = layer.metadata;
  existing.xattrs = xattrs;
  return { layer, merged: existing, fresh: false };
}

/** The mark has done its work when the layers are one. */
function withoutOpaque(xattrs: Xattrs): Xattrs {
  if (!xattrs.has(OPAQUE_XATTR)) return xattrs;
  return new Map([...xattrs].filter(([name]) => name !== OPAQUE_XATTR));
}

/** Forgets the nodes that later layers deleted or replaced. */
function restrictTo(root: DirectoryNode, provenance: ReadonlyMap<LeafNode, number>): Map<LeafNode, number> {
  const kept = new Map<LeafNode, number>();
  const stack = [root];
  for (let directory = stack.pop(); directory !== undefined; directory = stack.pop()) {
    for (const node of directory.children.values()) {
      if (node.kind === 'directory') stack.push(node);
      else kept.set(node, provenance.get(node) as number);
    }
  }
  return kept;
}
