import { EXTENTS_FLAG, FIRST_TREE_INODE, JOURNAL_INODE, ROOT_INODE } from '../ext4-format.ts';
import { checkXattrs } from './check-xattrs.ts';
import type { Ext4File } from './ext4-file.ts';
import { walkExtents } from './stored-extents.ts';
import { hasRightChecksum } from './stored-inode.ts';
import { unsupportedImage } from './unsupported-image.ts';

export interface CheckInodeOptions {
  readonly number: number;
  readonly seed: number;
  /** Blocks of the file system. */
  readonly blocks: number;
}

/** Whether an inode that is in use has content; most of the first ten are only reserved. */
export function hasContent(number: number): boolean {
  return number >= FIRST_TREE_INODE || number === ROOT_INODE || number === JOURNAL_INODE;
}

/**
 * Checks an inode that is in use, with all that it points to.
 *
 * @throws {ImageError} `unsupported ext4 image: inode …`
 */
export async function checkInode(file: Ext4File, inode: Buffer, options: CheckInodeOptions): Promise<void> {
  const { number, seed } = options;
  if (!hasRightChecksum(inode, number, seed)) throw unsupportedImage(`inode ${number} checksum mismatch`);
  if (inode.readUInt16LE(0) === 0) throw unsupportedImage(`allocated inode ${number} has no mode`);
  if ((inode.readUInt32LE(0x20) & EXTENTS_FLAG) !== 0) {
    for await (const _ of walkExtents({ file, inode, ...options }));
  }
  await checkXattrs(file, inode, options);
}
