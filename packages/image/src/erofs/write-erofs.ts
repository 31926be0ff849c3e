import type { FileNode, LayerTree } from '../tree/nodes.ts';
import { type ErofsDataMap, type ErofsExtent, NO_BLOCK } from './erofs-data-map.ts';
import { layOutImage } from './image-layout.ts';
import { planImage } from './image-plan.ts';
import { writeImage } from './write-image.ts';

export interface WriteErofsOptions {
  readonly signal?: AbortSignal;
}

/**
 * Writes a tree as an EROFS image to `path` (created or overwritten) and says where each file's bytes went. Equal
 * trees give equal images. Bodies are streamed; memory grows with the number of nodes only.
 */
export async function writeErofs(
  tree: LayerTree,
  path: string,
  { signal }: WriteErofsOptions = {},
): Promise<ErofsDataMap> {
  signal?.throwIfAborted();
  const layout = layOutImage(planImage(tree.root, 'plain'), 0);
  await writeImage(path, {
    layout,
    devices: null,
    ...(signal && { signal }),
  });
  const extents = new Map<FileNode, ErofsExtent>();
  for (const [file, { dataBlock, size }] of layout.plan.files) {
    const startBlock = dataBlock === NO_BLOCK ? NO_BLOCK : layout.firstDataBlock + dataBlock;
    extents.set(file, { startBlock, size });
  }
  return { totalBlocks: layout.totalBlocks, extents };
}
