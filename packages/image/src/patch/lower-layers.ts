import type { ErofsReader } from '../erofs/erofs-reader.ts';
import { isOpaque, isWhiteout, type TreeNode } from '../tree/nodes.ts';
import { shownPath } from './guest-path.ts';
import { patchFailed } from './patch-failed.ts';

/** The image under the writable layer: what its layers give together. */
export class LowerLayers {
  readonly #layers: readonly ErofsReader[];

  /** @param layers Top first. */
  constructor(layers: readonly ErofsReader[]) {
    this.#layers = layers;
  }

  /** The node at a path of names below the root, or null. Symbolic links are not followed. */
  async find(names: readonly string[]): Promise<TreeNode | null> {
    let node: TreeNode | null = null;
    let layers = this.#layers;
    for (let depth = 1; depth <= names.length; depth++) {
      // What is below something else than a directory does not exist.
      if (node !== null && node.kind !== 'directory') return null;
      ({ node, layers } = await findIn(layers, names.slice(0, depth)));
      if (node === null) return null;
    }
    return node;
  }
}

/**
 * The node that the first of several layers has at a path, and if it is a directory, all layers whose directories are
 * one with it: down to the first that is opaque, or until something else is in the way.
 */
async function findIn(
  layers: readonly ErofsReader[],
  names: readonly string[],
): Promise<{ readonly node: TreeNode | null; readonly layers: readonly ErofsReader[] }> {
  const merged: ErofsReader[] = [];
  let first: TreeNode | null = null;
  for (const layer of layers) {
    const node = await lookUp(layer, names);
    if (node === null) continue;
    if (node.kind !== 'directory') {
      if (first === null && !isWhiteout(node)) first = node;
      break;
    }
    first ??= node;
    merged.push(layer);
    if (isOpaque(node)) break;
  }
  return { node: first, layers: merged };
}

async function lookUp(layer: ErofsReader, names: readonly string[]): Promise<TreeNode | null> {
  try {
    return (await layer.lookup(names.join('/')))?.node ?? null;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw patchFailed(`failed to inspect lower layer '${shownPath(names)}': ${reason}`, { cause: error });
  }
}
