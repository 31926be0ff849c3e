import { crc32c } from '../checksum/crc32c.ts';
import type { BlockRun } from './block-space.ts';
import { BLOCK_BYTES, CRC_START, EXTENTS_FLAG } from './ext4-format.ts';
import { encodeExtentRoot } from './extent-tree.ts';
import type { InodeFields } from './inode.ts';

/** First word of every block of the journal that is not data. */
export const JOURNAL_MAGIC = 0xc03b_3998;
/** Type of the block with the superblock. */
export const JOURNAL_SUPERBLOCK_V2 = 4;
/** revoke, 64bit, csum v3 */
export const JOURNAL_INCOMPAT = 0x13;
/** Number of the checksum algorithm. */
export const JOURNAL_CRC32C = 4;
export const JOURNAL_SUPERBLOCK_BYTES = 1024;
const CHECKSUM_OFFSET = 0xfc;

/** First block of an empty journal: big-endian. Source: Linux, include/linux/jbd2.h, journal_superblock_t. */
export function encodeJournalSuperblock(journalBlocks: number, uuid: Uint8Array): Buffer {
  const block = Buffer.alloc(JOURNAL_SUPERBLOCK_BYTES);
  block.writeUInt32BE(JOURNAL_MAGIC, 0x00);
  block.writeUInt32BE(JOURNAL_SUPERBLOCK_V2, 0x04);
  block.writeUInt32BE(BLOCK_BYTES, 0x0c);
  block.writeUInt32BE(journalBlocks, 0x10);
  block.writeUInt32BE(1, 0x14);
  block.writeUInt32BE(1, 0x18);
  block.writeUInt32BE(JOURNAL_INCOMPAT, 0x28);
  block.set(uuid, 0x30);
  block.writeUInt32BE(1, 0x40);
  block[0x50] = JOURNAL_CRC32C;
  sealJournalSuperblock(block);
  return block;
}

/** Puts the checksum in. */
export function sealJournalSuperblock(block: Buffer): void {
  block.writeUInt32BE(journalSuperblockChecksum(block), CHECKSUM_OFFSET);
}

/** Checksum that a journal's superblock must carry at 0xFC. */
export function journalSuperblockChecksum(block: Buffer): number {
  const covered = Buffer.from(block);
  covered.writeUInt32BE(0, CHECKSUM_OFFSET);
  return crc32c(covered, CRC_START);
}

/** Fields of the journal's inode. */
export function journalInodeFields(journal: BlockRun): InodeFields {
  return {
    mode: 0o100600,
    uid: 0,
    gid: 0,
    seconds: 0,
    nanoseconds: 0,
    size: journal.count * BLOCK_BYTES,
    links: 1,
    blocks: journal.count,
    flags: EXTENTS_FLAG,
    iBlock: encodeExtentRoot([journal], undefined),
    xattrBlock: undefined,
    inlineXattrs: undefined,
  };
}
