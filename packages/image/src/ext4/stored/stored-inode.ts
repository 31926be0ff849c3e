import { BLOCK_BYTES, INODE_BYTES, INODES_PER_GROUP } from '../ext4-format.ts';
import { type Geometry, groupStart, leadBlocks } from '../geometry.ts';
import { inodeChecksum } from '../inode.ts';
import type { Ext4File } from './ext4-file.ts';
import { readSplit16, readSplit32 } from './split-numbers.ts';

/** Byte at which an inode starts. */
export function inodeOffset(geometry: Geometry, number: number): number {
  const group = Math.floor((number - 1) / INODES_PER_GROUP);
  const table = groupStart(group) + leadBlocks(geometry, group) + 2;
  return table * BLOCK_BYTES + ((number - 1) % INODES_PER_GROUP) * INODE_BYTES;
}

export function readInode(file: Ext4File, geometry: Geometry, number: number): Promise<Buffer> {
  return file.read(inodeOffset(geometry, number), INODE_BYTES);
}

/** @param seed of the file system, from its superblock */
export function hasRightChecksum(inode: Buffer, number: number, seed: number): boolean {
  return readSplit16(inode, 0x7c, 0x82) === inodeChecksum(inode, number, seed);
}

/** Length of the file in bytes. */
export function inodeSize(inode: Buffer): number {
  return readSplit32(inode, 0x04, 0x6c);
}
