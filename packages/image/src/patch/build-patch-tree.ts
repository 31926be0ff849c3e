import { ErofsReader } from '../erofs/erofs-reader.ts';
import type { LayerTree } from '../tree/nodes.ts';
import { applyPatches } from './apply-patches.ts';
import { patchFailed } from './patch-failed.ts';
import type { RootfsPatch } from './rootfs-patch.ts';

export interface BuildPatchTreeOptions {
  readonly patches: readonly RootfsPatch[];
  /** Layer images, bottom first, as pulling gives them. They are needed again when the tree is written to a disk. */
  readonly layerPaths: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

/**
 * Builds what the writable layer of a sandbox holds from the start: the tree for {@link createUpperDisk}.
 *
 * @throws {PatchFailedError} when a patch cannot be applied or a layer not be read.
 */
export async function buildPatchTree(options: BuildPatchTreeOptions): Promise<LayerTree> {
  const { patches, layerPaths, signal } = options;
  const layers: ErofsReader[] = [];
  try {
    for (const path of layerPaths) layers.unshift(await openLayer(path));
    return await applyPatches({ patches, layers, signal });
  } finally {
    for (const layer of layers) await layer.close();
  }
}

async function openLayer(path: string): Promise<ErofsReader> {
  try {
    return await ErofsReader.open(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw patchFailed(`failed to open lower layer ${path}: ${reason}`, { cause: error });
  }
}
