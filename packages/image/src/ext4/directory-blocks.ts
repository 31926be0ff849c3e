import { crc32c } from '../checksum/crc32c.ts';
import { BLOCK_BYTES } from './ext4-format.ts';

/** One name of a directory. */
export interface DirectoryEntry {
  /** Name bytes as a latin1 string. */
  readonly name: string;
  readonly inode: number;
  /** Type number of a directory entry. */
  readonly type: number;
}

const HEADER_BYTES = 8;
const TAIL_BYTES = 12;
const USABLE_BYTES = BLOCK_BYTES - TAIL_BYTES;
const TAIL_TYPE = 0xde;

/** Blocks that a directory with these names (`.` and `..` among them) takes. */
export function directoryBlockCount(names: Iterable<string>): number {
  let blocks = 1;
  let used = 0;
  for (const name of names) {
    const bytes = entryBytes(name);
    if (used + bytes > USABLE_BYTES) {
      blocks++;
      used = 0;
    }
    used += bytes;
  }
  return blocks;
}

/** A linear directory, its blocks one after the other. `seed` is the CRC of file system and inode. */
export function encodeDirectory(entries: readonly DirectoryEntry[], blocks: number, seed: number): Buffer {
  const target = Buffer.alloc(blocks * BLOCK_BYTES);
  let block = 0;
  let used = 0;
  let last = 0;
  for (const { name, inode, type } of entries) {
    const bytes = entryBytes(name);
    if (used + bytes > USABLE_BYTES) {
      closeBlock(target, block, last, seed);
      block += BLOCK_BYTES;
      used = 0;
    }
    last = block + used;
    target.writeUInt32LE(inode, last);
    target.writeUInt16LE(bytes, last + 4);
    target[last + 6] = name.length;
    target[last + 7] = type;
    target.write(name, last + HEADER_BYTES, 'latin1');
    used += bytes;
  }
  closeBlock(target, block, last, seed);
  return target;
}

/** The last entry reaches to the tail, which holds the checksum. */
function closeBlock(target: Buffer, block: number, last: number, seed: number): void {
  const tail = block + USABLE_BYTES;
  target.writeUInt16LE(tail - last, last + 4);
  target.writeUInt16LE(TAIL_BYTES, tail + 4);
  target[tail + 7] = TAIL_TYPE;
  target.writeUInt32LE(crc32c(target.subarray(block, tail), seed), tail + 8);
}

function entryBytes(name: string): number {
  return (HEADER_BYTES + name.length + 3) & ~3;
}
