import { encodeBlockBitmap, encodeInodeBitmap } from '../bitmaps.ts';
import { atBlock, type DiskRegion } from '../disk-region.ts';
import { BLOCK_BYTES, DESCRIPTOR_BYTES, RESIZE_INODE } from '../ext4-format.ts';
import { backupGroups, groupBlocks, groupMetadataBlocks, groupStart, leadBlocks } from '../geometry.ts';
import { encodeInode } from '../inode.ts';
import { encodeReservedBlocks, encodeResizeBlock, resizeInodeFields } from '../resize-inode.ts';
import { inodeOffset } from '../stored/stored-inode.ts';
import { backupOf, type Growth } from './growth.ts';

/**
 * What a growth writes that nobody sees as long as the old superblock is in place: the metadata of new groups, the
 * descriptors behind the old ones, all copies, and the resize inode.
 */
export function* hiddenRegions(growth: Growth): Generator<DiskRegion> {
  yield* newBitmaps(growth);
  const { image, geometry, descriptors, superblock } = growth;
  const known = image.superblock.geometry.groups * DESCRIPTOR_BYTES;
  yield { offset: BLOCK_BYTES + known, bytes: descriptors.subarray(known) };
  for (const group of backupGroups(geometry)) {
    yield atBlock(groupStart(group), backupOf(superblock, group));
    yield atBlock(groupStart(group) + 1, descriptors);
  }
  if (image.resizeBlock !== null) yield* resizeRegions(growth, image.resizeBlock);
}

function* newBitmaps({ image, geometry }: Growth): Generator<DiskRegion> {
  for (let group = image.superblock.geometry.groups; group < geometry.groups; group++) {
    const used = groupMetadataBlocks(geometry, group);
    const bytes = Buffer.concat([
      encodeBlockBitmap(used, groupBlocks(geometry, group)),
      encodeInodeBitmap(0),
    ]);
    yield atBlock(groupStart(group) + leadBlocks(geometry, group), bytes);
  }
}

function* resizeRegions({ image, geometry }: Growth, resizeBlock: number): Generator<DiskRegion> {
  const fields = resizeInodeFields(geometry, resizeBlock);
  const bytes = encodeInode(RESIZE_INODE, fields, image.superblock.seed);
  yield { offset: inodeOffset(geometry, RESIZE_INODE), bytes };
  yield atBlock(resizeBlock, encodeResizeBlock(geometry));
  yield atBlock(1 + geometry.gdtBlocks, encodeReservedBlocks(geometry));
}
