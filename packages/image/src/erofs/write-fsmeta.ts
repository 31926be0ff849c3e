import { ImageError } from '@microsandbox/types';
import type { MergedTree } from '../tree/merge-layers.ts';
import type { FileNode } from '../tree/nodes.ts';
import type { ErofsDataMap } from './erofs-data-map.ts';
import { type FileChunks, layOutImage } from './image-layout.ts';
import { planImage } from './image-plan.ts';
import type { DeviceSlot } from './superblock.ts';
import { writeImage } from './write-image.ts';

/** The superblock counts devices in 16 bits. */
const MAX_LAYERS = 0xffff;

export interface FsmetaInput {
  readonly merged: MergedTree;
  /** One per layer, bottom first: those of the trees that `merged` was made of. */
  readonly layers: readonly ErofsDataMap[];
}

export interface WriteFsmetaOptions {
  readonly signal?: AbortSignal;
}

/**
 * Writes the metadata image of a whole container image: all of its tree, the bytes of no file. Files point into
 * the layer images, which follow this one, in order, on the virtual disk.
 */
export async function writeFsmeta(
  { merged, layers }: FsmetaInput,
  path: string,
  { signal }: WriteFsmetaOptions = {},
): Promise<void> {
  signal?.throwIfAborted();
  if (layers.length > MAX_LAYERS)
    throw new ImageError(`too many layers: ${layers.length}, at most ${MAX_LAYERS}`);
  const layout = layOutImage(planImage(merged.root, 'chunks'), layers.length);
  await writeImage(path, {
    layout,
    devices: deviceSlots(layout.totalBlocks, layers),
    chunksOf: (file) => chunksOf(file, merged, layers),
    ...(signal && { signal }),
  });
}

/** The layers follow the metadata image and each other without gaps. */
function deviceSlots(fsmetaBlocks: number, layers: readonly ErofsDataMap[]): DeviceSlot[] {
  let mappedBlock = fsmetaBlocks;
  return layers.map(({ totalBlocks }) => {
    const slot = { blocks: totalBlocks, mappedBlock };
    mappedBlock += totalBlocks;
    return slot;
  });
}

function chunksOf(file: FileNode, merged: MergedTree, layers: readonly ErofsDataMap[]): FileChunks {
  const layer = merged.provenance.get(file);
  const extent = layer === undefined ? undefined : layers[layer]?.extents.get(file);
  if (layer === undefined || extent === undefined || extent.size !== file.size) {
    throw new ImageError('a file of the merged tree is in none of the layer images');
  }
  return { device: layer + 1, startBlock: extent.startBlock };
}
