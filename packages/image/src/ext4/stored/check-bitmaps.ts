import { crc32c } from '../../checksum/crc32c.ts';
import { countFree, inodeBitmapChecksum } from '../bitmaps.ts';
import { BLOCK_BYTES, INODES_PER_GROUP } from '../ext4-format.ts';
import { groupBlocks, groupMetadataBlocks, groupStart, leadBlocks } from '../geometry.ts';
import type { Ext4File } from './ext4-file.ts';
import type { Ext4Image } from './read-ext4-image.ts';
import { parseDescriptor } from './stored-descriptors.ts';
import { unsupportedImage } from './unsupported-image.ts';

/** What the bitmaps of a group say. */
export interface GroupBitmaps {
  readonly blocks: Buffer;
  readonly inodes: Buffer;
  readonly freeBlocks: number;
  readonly freeInodes: number;
}

/**
 * Reads the bitmaps of a group and checks them against its descriptor.
 *
 * @throws {ImageError} `unsupported ext4 image: group …`
 */
export async function checkBitmaps(file: Ext4File, image: Ext4Image, group: number): Promise<GroupBitmaps> {
  const { geometry, seed } = image.superblock;
  const broken = (reason: string): Error => unsupportedImage(`group ${group} ${reason}`);
  const both = await file.readBlocks(groupStart(group) + leadBlocks(geometry, group), 2);
  const blocks = both.subarray(0, BLOCK_BYTES);
  const inodes = both.subarray(BLOCK_BYTES);
  const descriptor = parseDescriptor(image.descriptors, group);
  if (
    crc32c(blocks, seed) !== descriptor.blockBitmapChecksum ||
    inodeBitmapChecksum(inodes, seed) !== descriptor.inodeBitmapChecksum
  ) {
    throw broken('bitmap checksum mismatch');
  }
  const count = groupBlocks(geometry, group);
  if (countFree(blocks, 0, groupMetadataBlocks(geometry, group)) > 0) {
    throw broken('metadata is marked free');
  }
  if (countFree(blocks, count, BLOCK_BYTES * 8) > 0) throw broken('block-bitmap padding is marked free');
  if (countFree(inodes, INODES_PER_GROUP, BLOCK_BYTES * 8) > 0) {
    throw broken('inode-bitmap padding is marked free');
  }
  const freeBlocks = countFree(blocks, 0, count);
  const freeInodes = countFree(inodes, 0, INODES_PER_GROUP);
  if (freeBlocks !== descriptor.freeBlocks || freeInodes !== descriptor.freeInodes) {
    throw broken('free-space counters do not match bitmaps');
  }
  return { blocks, inodes, freeBlocks, freeInodes };
}
