import { NODE_TYPES, RESIZE_INODE, ROOT_INODE } from '../ext4-format.ts';
import { groupMetadataBlocks } from '../geometry.ts';
import type { Ext4File } from './ext4-file.ts';
import { walkExtents } from './stored-extents.ts';
import { hasRightChecksum, readInode } from './stored-inode.ts';
import type { StoredSuperblock } from './stored-superblock.ts';
import { unsupportedImage } from './unsupported-image.ts';

const TYPE_MASK = 0o170000;

/** Blocks of zeros that are compared at once. */
const STEP_BLOCKS = 256;

/**
 * Checks that an image without the resize feature is one of the releases up to 0.6.8, not a newer one that lost the
 * feature's bit: no resize inode, the root directory right behind the inode table, nothing in the reserved blocks.
 *
 * @throws {ImageError} `unsupported ext4 image: legacy image …`
 */
export async function checkLegacyLayout(file: Ext4File, { geometry, seed }: StoredSuperblock): Promise<void> {
  const resizeInode = await readInode(file, geometry, RESIZE_INODE);
  if (resizeInode.some((byte) => byte !== 0)) {
    throw unsupportedImage('legacy image has a non-empty resize inode');
  }
  const root = await readInode(file, geometry, ROOT_INODE);
  if (!hasRightChecksum(root, ROOT_INODE, seed)) {
    throw unsupportedImage('legacy image root inode checksum mismatch');
  }
  const extents = walkExtents({ file, inode: root, number: ROOT_INODE, seed, blocks: geometry.blocks });
  const isDirectory = (root.readUInt16LE(0) & TYPE_MASK) === NODE_TYPES.directory.mode;
  const first = isDirectory ? await extents.next() : undefined;
  if (first === undefined || first.done === true) {
    throw unsupportedImage('legacy image root inode is not an extent-backed directory');
  }
  if (first.value.logical !== 0 || first.value.start !== groupMetadataBlocks(geometry, 0)) {
    throw unsupportedImage('legacy image root directory is not immediately after the inode table');
  }
  await checkReservedBlocks(file, 1 + geometry.gdtBlocks, geometry.reservedGdtBlocks);
}

async function checkReservedBlocks(file: Ext4File, first: number, count: number): Promise<void> {
  for (let done = 0; done < count; done += STEP_BLOCKS) {
    const blocks = await file.readBlocks(first + done, Math.min(STEP_BLOCKS, count - done));
    const used = blocks.findIndex((byte) => byte !== 0);
    if (used >= 0) {
      const block = first + done + Math.floor(used / 4096);
      throw unsupportedImage(`legacy image reserved GDT block ${block} is not zeroed`);
    }
  }
}
