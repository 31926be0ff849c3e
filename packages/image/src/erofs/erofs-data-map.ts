import type { FileNode } from '../tree/nodes.ts';

/** Where the bytes of one regular file are in a layer's EROFS image. */
export interface ErofsExtent {
  /** Block number from the start of the image, or {@link NO_BLOCK} for an empty file. */
  readonly startBlock: number;
  /** Length of the file in bytes. */
  readonly size: number;
}

/** Start block of files without data blocks. */
export const NO_BLOCK = 0xffff_ffff;

/** What the fsmeta image needs to know of one layer image. */
export interface ErofsDataMap {
  /** Length of the image in blocks of 4096 bytes. */
  readonly totalBlocks: number;
  /** By file node of the tree that was written, or that was read together with this map. */
  readonly extents: ReadonlyMap<FileNode, ErofsExtent>;
}
