import type { FileNode } from '../tree/nodes.ts';
import { BLOCK_BYTES } from './erofs-format.ts';
import type { ImagePlan } from './image-plan.ts';
import { type DeviceSlot, headBlocks } from './superblock.ts';

/** Where the bytes of a file are when the image does not hold them. */
export interface FileChunks {
  /** Device id, from 1. */
  readonly device: number;
  /** First block on that device. */
  readonly startBlock: number;
}

/** A plan placed in an image. */
export interface ImageLayout {
  readonly plan: ImagePlan;
  readonly metadataBlock: number;
  readonly firstDataBlock: number;
  readonly totalBlocks: number;
}

/** Everything that is in an image. */
export interface ImageContent {
  readonly layout: ImageLayout;
  /** Null for an image of one device. */
  readonly devices: readonly DeviceSlot[] | null;
  /** Says where the bytes of files are that the plan gives a list of chunks. */
  readonly chunksOf?: (file: FileNode) => FileChunks;
  readonly signal?: AbortSignal;
}

/** Places a plan in an image that has that many further devices. */
export function layOutImage(plan: ImagePlan, devices: number): ImageLayout {
  const metadataBlock = headBlocks(devices);
  const firstDataBlock = metadataBlock + Math.ceil(plan.metadataBytes / BLOCK_BYTES);
  return { plan, metadataBlock, firstDataBlock, totalBlocks: firstDataBlock + plan.dataBlocks };
}
