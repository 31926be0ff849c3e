import { crc32c } from '../../checksum/crc32c.ts';
import { BLOCK_BYTES } from '../ext4-format.ts';
import { inodeSeed } from '../inode-seed.ts';
import type { Ext4File } from './ext4-file.ts';
import { unsupportedImage } from './unsupported-image.ts';

/** A run of blocks of a file. */
export interface StoredExtent {
  /** First block, counted in the file. */
  readonly logical: number;
  /** First block on the disk. */
  readonly start: number;
  readonly count: number;
}

export interface ExtentTreeOptions {
  readonly file: Ext4File;
  readonly inode: Buffer;
  readonly number: number;
  readonly seed: number;
  /** Blocks of the file system. */
  readonly blocks: number;
}

const MAGIC = 0xf30a;
const ENTRY_BYTES = 12;
const IN_INODE = 4;
const IN_BLOCK = Math.floor((BLOCK_BYTES - ENTRY_BYTES) / ENTRY_BYTES);
const CHECKSUM_OFFSET = BLOCK_BYTES - 4;
/** Longest run; larger lengths stand for runs that read as zeros (Linux: EXT_INIT_MAX_LEN). */
const MAX_WRITTEN = 0x8000;
/** Linux: EXT4_MAX_EXTENT_DEPTH. */
const MAX_DEPTH = 5;

/** A block of a tree that is still to be read. */
interface Child {
  readonly block: number;
  readonly depth: number;
  /** Where in the file its part begins. */
  readonly logical: number;
}

/**
 * All extents of an inode in the order of the file. A hostile tree ends too: no block can be met twice, since runs
 * must rise from leaf to leaf.
 *
 * @throws {ImageError} `unsupported ext4 image: inode …`
 */
export async function* walkExtents(options: ExtentTreeOptions): AsyncGenerator<StoredExtent> {
  const { file, inode, number, seed, blocks } = options;
  const broken = (reason: string): Error => unsupportedImage(`inode ${number} ${reason}`);
  const own = inodeSeed(seed, number, inode.readUInt32LE(0x64));
  const stack: Child[] = [];
  let end = 0;
  let node = inode.subarray(0x28, 0x64);
  let depth = depthOf(node, IN_INODE, broken);
  for (;;) {
    const entries = node.readUInt16LE(2);
    if (depth === 0) {
      for (let i = 0; i < entries; i++) {
        const extent = extentAt(node, i);
        if (extent.count === 0 || extent.logical < end) throw broken('has invalid extent ordering');
        if (extent.start + extent.count > blocks) throw broken('extent is out of bounds');
        end = extent.logical + extent.count;
        yield extent;
      }
    } else {
      if (entries === 0) throw broken('has invalid extent header');
      // The first child is read next.
      for (let i = entries - 1; i >= 0; i--) stack.push({ ...childAt(node, i), depth: depth - 1 });
    }
    const child = stack.pop();
    if (child === undefined) return;
    if (child.block >= blocks || child.block === 0) throw broken('extent leaf is out of bounds');
    if (child.logical < end) throw broken('has invalid extent ordering');
    node = await file.readBlocks(child.block);
    if (crc32c(node.subarray(0, CHECKSUM_OFFSET), own) !== node.readUInt32LE(CHECKSUM_OFFSET)) {
      throw broken('has an invalid extent leaf');
    }
    depth = depthOf(node, IN_BLOCK, broken);
    if (depth !== child.depth || node.readUInt16LE(2) === 0) throw broken('has an invalid extent leaf');
  }
}

function depthOf(node: Buffer, capacity: number, broken: (reason: string) => Error): number {
  if (node.readUInt16LE(0) !== MAGIC) throw broken('has bad extent magic');
  const entries = node.readUInt16LE(2);
  const maximum = node.readUInt16LE(4);
  const depth = node.readUInt16LE(6);
  if (entries > maximum || maximum > capacity || depth > MAX_DEPTH) throw broken('has invalid extent header');
  return depth;
}

function extentAt(node: Buffer, index: number): StoredExtent {
  const at = ENTRY_BYTES * (index + 1);
  const length = node.readUInt16LE(at + 4);
  return {
    logical: node.readUInt32LE(at),
    start: node.readUInt32LE(at + 8) + node.readUInt16LE(at + 6) * 2 ** 32,
    count: length > MAX_WRITTEN ? length - MAX_WRITTEN : length,
  };
}

function childAt(node: Buffer, index: number): Omit<Child, 'depth'> {
  const at = ENTRY_BYTES * (index + 1);
  return {
    logical: node.readUInt32LE(at),
    block: node.readUInt32LE(at + 4) + node.readUInt16LE(at + 8) * 2 ** 32,
  };
}
