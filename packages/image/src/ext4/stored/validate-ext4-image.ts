import { INODE_BYTES, INODES_PER_GROUP } from '../ext4-format.ts';
import { checkBackups } from './check-backups.ts';
import { checkBitmaps } from './check-bitmaps.ts';
import { checkInode, hasContent } from './check-inode.ts';
import { Ext4File } from './ext4-file.ts';
import { type Ext4Image, readExt4Image } from './read-ext4-image.ts';
import { inodeOffset } from './stored-inode.ts';
import { unsupportedImage } from './unsupported-image.ts';

/** Inodes that are read at once (256 KiB). */
const STEP_INODES = 1024;

/**
 * Checks everything in an image that was just made or grown, but for the content of directories: superblock and its
 * copies, descriptors, bitmaps, counters, inodes with their extents and extended attributes, all checksums. (Linux
 * does not keep the copies up to date while it uses a disk.)
 *
 * @throws {ImageError} `unsupported ext4 image: …`
 */
export async function validateExt4Image(
  path: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<void> {
  await using file = await Ext4File.open(path, 'read');
  const image = await readExt4Image(file);
  const { geometry, freeBlocks, freeInodes } = image.superblock;
  let blocksLeft = freeBlocks;
  let inodesLeft = freeInodes;
  for (let group = 0; group < geometry.groups; group++) {
    options.signal?.throwIfAborted();
    const bitmaps = await checkBitmaps(file, image, group);
    blocksLeft -= bitmaps.freeBlocks;
    inodesLeft -= bitmaps.freeInodes;
    if (bitmaps.freeInodes < INODES_PER_GROUP) await checkInodes(file, image, group, bitmaps.inodes);
  }
  if (blocksLeft !== 0 || inodesLeft !== 0) {
    throw unsupportedImage('superblock free-space counters do not match bitmaps');
  }
  await checkBackups(file, image);
}

async function checkInodes(file: Ext4File, image: Ext4Image, group: number, used: Buffer): Promise<void> {
  const { geometry, seed } = image.superblock;
  for (let first = 0; first < INODES_PER_GROUP; first += STEP_INODES) {
    const bits = used.subarray(first / 8, (first + STEP_INODES) / 8);
    if (bits.every((byte) => byte === 0)) continue;
    const table = await file.read(
      inodeOffset(geometry, group * INODES_PER_GROUP + first + 1),
      STEP_INODES * INODE_BYTES,
    );
    for (let i = 0; i < STEP_INODES; i++) {
      const number = group * INODES_PER_GROUP + first + i + 1;
      if (((bits[i >>> 3] as number) & (1 << (i & 7))) === 0 || !hasContent(number)) continue;
      const inode = table.subarray(i * INODE_BYTES, (i + 1) * INODE_BYTES);
      await checkInode(file, inode, { number, seed, blocks: geometry.blocks });
    }
  }
}
