import { ImageError } from '@microsandbox/types';
import { crc32c } from '../checksum/crc32c.ts';
import type { BlockRun } from './block-space.ts';
import { BLOCK_BYTES } from './ext4-format.ts';

const MAGIC = 0xf30a;
const ENTRY_BYTES = 12;
const IN_INODE = 4;
const IN_LEAF = Math.floor((BLOCK_BYTES - ENTRY_BYTES) / ENTRY_BYTES);
const LEAF_CHECKSUM_OFFSET = BLOCK_BYTES - 4;

/** Whether the runs need a block of their own to be listed. */
export function needsLeafBlock(runs: readonly BlockRun[]): boolean {
  return runs.length > IN_INODE;
}

/**
 * The 60 bytes of an inode's `i_block`: the runs themselves, or a pointer to the leaf block that lists them.
 * Source: Linux, fs/ext4/ext4_extents.h.
 */
export function encodeExtentRoot(runs: readonly BlockRun[], leafBlock: number | undefined): Buffer {
  const root = Buffer.alloc(60);
  if (leafBlock === undefined) {
    writeHeader(root, runs.length, IN_INODE, 0);
    writeRuns(root, runs);
    return root;
  }
  writeHeader(root, 1, IN_INODE, 1);
  root.writeUInt32LE(leafBlock % 2 ** 32, ENTRY_BYTES + 4);
  root.writeUInt16LE(Math.floor(leafBlock / 2 ** 32), ENTRY_BYTES + 8);
  return root;
}

/** The leaf block; `seed` is the CRC of file system and inode (see inodeSeed). */
export function encodeExtentLeaf(runs: readonly BlockRun[], seed: number): Buffer {
  if (runs.length > IN_LEAF) {
    throw new ImageError('ext4 layout error: a file has too many extents');
  }
  const leaf = Buffer.alloc(BLOCK_BYTES);
  writeHeader(leaf, runs.length, IN_LEAF, 0);
  writeRuns(leaf, runs);
  leaf.writeUInt32LE(crc32c(leaf.subarray(0, LEAF_CHECKSUM_OFFSET), seed), LEAF_CHECKSUM_OFFSET);
  return leaf;
}

function writeHeader(target: Buffer, entries: number, max: number, depth: number): void {
  target.writeUInt16LE(MAGIC, 0);
  target.writeUInt16LE(entries, 2);
  target.writeUInt16LE(max, 4);
  target.writeUInt16LE(depth, 6);
}

function writeRuns(target: Buffer, runs: readonly BlockRun[]): void {
  let logical = 0;
  let at = ENTRY_BYTES;
  for (const { start, count } of runs) {
    target.writeUInt32LE(logical, at);
    target.writeUInt16LE(count, at + 4);
    target.writeUInt16LE(Math.floor(start / 2 ** 32), at + 6);
    target.writeUInt32LE(start % 2 ** 32, at + 8);
    logical += count;
    at += ENTRY_BYTES;
  }
}
