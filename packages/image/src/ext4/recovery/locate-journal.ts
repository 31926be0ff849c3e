import type { BlockRun } from '../block-space.ts';
import { BLOCK_BYTES, EXTENTS_FLAG, JOURNAL_INODE, NODE_TYPES } from '../ext4-format.ts';
import type { Ext4File } from '../stored/ext4-file.ts';
import { hasRightChecksum, inodeSize, readInode } from '../stored/stored-inode.ts';
import type { StoredSuperblock } from '../stored/stored-superblock.ts';
import { unsupportedImage } from '../stored/unsupported-image.ts';

const TYPE_MASK = 0o170000;
const EXTENT_MAGIC = 0xf30a;

/**
 * Finds the journal: the one extent of inode 8. That inode is never in the journal itself, so it can be relied on
 * before recovery.
 *
 * @throws {ImageError} `unsupported ext4 image: journal …`
 */
export async function locateJournal(file: Ext4File, { geometry, seed }: StoredSuperblock): Promise<BlockRun> {
  const inode = await readInode(file, geometry, JOURNAL_INODE);
  const start = inode.readUInt32LE(0x3c) + inode.readUInt16LE(0x3a) * 2 ** 32;
  const count = inode.readUInt16LE(0x38);
  const isOneExtent =
    inode.readUInt16LE(0x28) === EXTENT_MAGIC &&
    inode.readUInt16LE(0x2a) === 1 &&
    inode.readUInt16LE(0x2e) === 0;
  const checks: readonly (readonly [isRight: boolean, reason: string])[] = [
    [hasRightChecksum(inode, JOURNAL_INODE, seed), 'inode checksum mismatch'],
    [(inode.readUInt16LE(0) & TYPE_MASK) === NODE_TYPES.file.mode, 'inode is not a regular file'],
    [(inode.readUInt32LE(0x20) & EXTENTS_FLAG) !== 0, 'inode does not use extents'],
    [isOneExtent, 'inode extent tree is not a single leaf extent'],
    [inode.readUInt32LE(0x34) === 0, 'extent does not start at logical block 0'],
    // Longer lengths stand for runs that were never written.
    [count > 0 && count <= 0x8000, 'extent is empty or unwritten'],
    [inodeSize(inode) === count * BLOCK_BYTES, 'inode size does not match its extent'],
    [start > 0 && start + count <= geometry.blocks, 'extent extends beyond the filesystem'],
  ];
  const wrong = checks.find(([isRight]) => !isRight);
  if (wrong !== undefined) throw unsupportedImage(`journal ${wrong[1]}`);
  return { start, count };
}
