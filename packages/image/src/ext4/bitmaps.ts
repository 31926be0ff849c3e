import { crc32c } from '../checksum/crc32c.ts';
import { BLOCK_BYTES, INODES_PER_GROUP } from './ext4-format.ts';

/** Block bitmap of a group whose first `used` blocks are taken; bits past a short group's end are set. */
export function encodeBlockBitmap(used: number, blocks: number): Buffer {
  const bitmap = Buffer.alloc(BLOCK_BYTES);
  setBits(bitmap, 0, used);
  setBits(bitmap, blocks, BLOCK_BYTES * 8);
  return bitmap;
}

/** Inode bitmap of a group whose first `used` inodes are taken. */
export function encodeInodeBitmap(used: number): Buffer {
  const bitmap = Buffer.alloc(BLOCK_BYTES);
  setBits(bitmap, 0, used);
  setBits(bitmap, INODES_PER_GROUP, BLOCK_BYTES * 8);
  return bitmap;
}

/** The checksum covers only the bits that stand for inodes. */
export function inodeBitmapChecksum(bitmap: Buffer, seed: number): number {
  return crc32c(bitmap.subarray(0, INODES_PER_GROUP / 8), seed);
}

/** Number of clear bits among those from `from` on, before `to`. */
export function countFree(bitmap: Buffer, from: number, to: number): number {
  let free = 0;
  for (let bit = from; bit < to; ) {
    // Whole bytes that are all used or all free are the rule.
    const byte = bitmap[bit >>> 3] as number;
    if ((bit & 7) === 0 && bit + 8 <= to && (byte === 0 || byte === 0xff)) {
      if (byte === 0) free += 8;
      bit += 8;
    } else {
      if ((byte & (1 << (bit & 7))) === 0) free++;
      bit++;
    }
  }
  return free;
}

/** Clears the bits from `from` on, before `to`. */
export function clearBits(bitmap: Buffer, from: number, to: number): void {
  for (let bit = from; bit < to; bit++) {
    const index = bit >>> 3;
    bitmap[index] = (bitmap[index] as number) & ~(1 << (bit & 7));
  }
}

function setBits(bitmap: Buffer, from: number, to: number): void {
  let bit = from;
  for (; bit < to && bit % 8 !== 0; bit++) setBit(bitmap, bit);
  const wholeBytes = Math.floor((to - bit) / 8);
  if (wholeBytes > 0) {
    bitmap.fill(0xff, bit / 8, bit / 8 + wholeBytes);
    bit += wholeBytes * 8;
  }
  for (; bit < to; bit++) setBit(bitmap, bit);
}

function setBit(bitmap: Buffer, bit: number): void {
  const index = bit >>> 3;
  bitmap[index] = (bitmap[index] as number) | (1 << (bit & 7));
}
