import { BLOCK_BYTES } from './ext4-format.ts';

/** Bytes and where they go. */
export interface DiskRegion {
  readonly offset: number;
  readonly bytes: Buffer;
}

/** Bytes that go to the start of a block. */
export function atBlock(block: number, bytes: Buffer): DiskRegion {
  return { offset: block * BLOCK_BYTES, bytes };
}
