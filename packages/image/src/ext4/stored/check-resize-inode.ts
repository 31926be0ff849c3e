import { BLOCK_BYTES, MAX_SPAN_BLOCKS, RESIZE_INODE } from '../ext4-format.ts';
import type { Geometry } from '../geometry.ts';
import { encodeReservedBlocks, encodeResizeBlock, resizeInodeFields } from '../resize-inode.ts';
import type { Ext4File } from './ext4-file.ts';
import { hasRightChecksum, inodeSize, readInode } from './stored-inode.ts';
import { unsupportedImage } from './unsupported-image.ts';

/** `i_block[13]` of an inode. */
const DOUBLE_INDIRECT_OFFSET = 0x28 + 13 * 4;

/**
 * Checks that the resize inode owns the blocks reserved for descriptors, all of them and nothing else, and tells
 * where its double-indirect block is.
 *
 * @throws {ImageError} `unsupported ext4 image: …`
 */
export async function checkResizeInode(file: Ext4File, geometry: Geometry, seed: number): Promise<number> {
  if (geometry.gdtBlocks + geometry.reservedGdtBlocks > MAX_SPAN_BLOCKS) {
    throw unsupportedImage('GDT span exceeds resize inode double-indirect capacity');
  }
  const inode = await readInode(file, geometry, RESIZE_INODE);
  if (!hasRightChecksum(inode, RESIZE_INODE, seed)) throw unsupportedImage('resize inode checksum mismatch');
  const resizeBlock = inode.readUInt32LE(DOUBLE_INDIRECT_OFFSET);
  const expected = resizeInodeFields(geometry, resizeBlock);
  if (
    inode.readUInt16LE(0x00) !== expected.mode ||
    inode.readUInt16LE(0x1a) !== expected.links ||
    inode.readUInt32LE(0x20) !== expected.flags
  ) {
    throw unsupportedImage('resize inode has invalid mode, links, or flags');
  }
  if (!inode.subarray(0x28, 0x64).equals(expected.iBlock)) {
    throw unsupportedImage('resize inode uses blocks outside i_block[13]');
  }
  if (resizeBlock === 0 || resizeBlock >= geometry.blocks) {
    throw unsupportedImage('resize inode double-indirect block is out of bounds');
  }
  if (inodeSize(inode) !== expected.size) throw unsupportedImage('resize inode has an invalid logical size');
  if (inode.readUInt32LE(0x1c) !== expected.blocks * 8) {
    throw unsupportedImage('resize inode block accounting is inconsistent');
  }
  await checkPointers(file, geometry, resizeBlock);
  return resizeBlock;
}

async function checkPointers(file: Ext4File, geometry: Geometry, resizeBlock: number): Promise<void> {
  const pointers = await file.readBlocks(resizeBlock);
  const wrong = firstDifference(pointers, encodeResizeBlock(geometry), 4);
  if (wrong !== null) {
    throw unsupportedImage(`resize inode double-indirect pointer ${wrong} is invalid`);
  }
  const first = 1 + geometry.gdtBlocks;
  const reserved = await file.readBlocks(first, geometry.reservedGdtBlocks);
  const wrongBlock = firstDifference(reserved, encodeReservedBlocks(geometry), BLOCK_BYTES);
  if (wrongBlock !== null) {
    throw unsupportedImage(`reserved GDT pointer block ${first + wrongBlock} is invalid`);
  }
}

/** Index of the first piece of so many bytes that differs, or null. */
function firstDifference(a: Buffer, b: Buffer, pieceBytes: number): number | null {
  if (a.equals(b)) return null;
  for (let at = 0; ; at += pieceBytes) {
    if (!a.subarray(at, at + pieceBytes).equals(b.subarray(at, at + pieceBytes))) return at / pieceBytes;
  }
}
