import { crc32c } from '../checksum/crc32c.ts';
import {
  BLOCKS_PER_GROUP,
  CRC_START,
  DESCRIPTOR_BYTES,
  FEATURES,
  FIRST_TREE_INODE,
  INODE_BYTES,
  INODES_PER_GROUP,
  JOURNAL_INODE,
  SUPERBLOCK_BYTES,
} from './ext4-format.ts';
import { type Geometry, groupMetadataBlocks } from './geometry.ts';
import { journalInodeFields } from './journal.ts';
import type { Ext4Plan } from './plan-ext4.ts';

export const SUPERBLOCK_MAGIC = 0xef53;
const LOG_BLOCK_SIZE = 2;
const STATE_CLEAN = 1;
const ERRORS_CONTINUE = 1;
const DYNAMIC_REVISION = 1;
const HASH_HALF_MD4 = 1;
/** user_xattr, acl */
const DEFAULT_MOUNT_OPTIONS = 0x0c;
const EXTRA_INODE_BYTES = 32;
const CHECKSUM_CRC32C = 1;
/** Where a superblock's checksum is; it covers what comes before. */
export const CHECKSUM_OFFSET = 0x3fc;

export interface SuperblockInput {
  readonly plan: Ext4Plan;
  readonly freeBlocks: number;
  readonly uuid: Uint8Array;
}

/** The copy of the superblock for one group. Source: Linux, fs/ext4/ext4.h, struct ext4_super_block. */
export function encodeSuperblock({ plan, freeBlocks, uuid }: SuperblockInput, group: number): Buffer {
  const { geometry, journal, lastInode } = plan;
  const block = Buffer.alloc(SUPERBLOCK_BYTES);
  const inodes = geometry.groups * INODES_PER_GROUP;
  block.writeUInt32LE(inodes, 0x00);
  block.writeUInt32LE(geometry.blocks % 2 ** 32, 0x04);
  block.writeUInt32LE(freeBlocks % 2 ** 32, 0x0c);
  block.writeUInt32LE(inodes - lastInode, 0x10);
  block.writeUInt32LE(LOG_BLOCK_SIZE, 0x18);
  block.writeUInt32LE(LOG_BLOCK_SIZE, 0x1c);
  block.writeUInt32LE(BLOCKS_PER_GROUP, 0x20);
  block.writeUInt32LE(BLOCKS_PER_GROUP, 0x24);
  block.writeUInt32LE(INODES_PER_GROUP, 0x28);
  block.writeUInt16LE(0xffff, 0x36);
  block.writeUInt16LE(SUPERBLOCK_MAGIC, 0x38);
  block.writeUInt16LE(STATE_CLEAN, 0x3a);
  block.writeUInt16LE(ERRORS_CONTINUE, 0x3c);
  block.writeUInt32LE(DYNAMIC_REVISION, 0x4c);
  block.writeUInt32LE(FIRST_TREE_INODE, 0x54);
  block.writeUInt16LE(INODE_BYTES, 0x58);
  block.writeUInt16LE(group, 0x5a);
  block.writeUInt32LE(FEATURES.compat, 0x5c);
  block.writeUInt32LE(FEATURES.incompat, 0x60);
  block.writeUInt32LE(FEATURES.roCompat, 0x64);
  block.set(uuid, 0x68);
  block.writeUInt16LE(geometry.reservedGdtBlocks, 0xce);
  block.writeUInt32LE(JOURNAL_INODE, 0xe0);
  block.set(uuid, 0xec);
  block[0xfc] = HASH_HALF_MD4;
  block[0xfd] = 1;
  block.writeUInt16LE(DESCRIPTOR_BYTES, 0xfe);
  block.writeUInt32LE(DEFAULT_MOUNT_OPTIONS, 0x100);
  writeJournalBackup(block, journal);
  block.writeUInt32LE(Math.floor(geometry.blocks / 2 ** 32), 0x150);
  block.writeUInt32LE(Math.floor(freeBlocks / 2 ** 32), 0x158);
  block.writeUInt16LE(EXTRA_INODE_BYTES, 0x15c);
  block.writeUInt16LE(EXTRA_INODE_BYTES, 0x15e);
  block[0x175] = CHECKSUM_CRC32C;
  block.writeUInt32LE(overheadBlocks(geometry), 0x248);
  sealSuperblock(block);
  return block;
}

/** Checksum that a superblock must carry. */
export function superblockChecksum(block: Buffer): number {
  return crc32c(block.subarray(0, CHECKSUM_OFFSET), CRC_START);
}

/** Puts the checksum in. */
export function sealSuperblock(block: Buffer): void {
  block.writeUInt32LE(superblockChecksum(block), CHECKSUM_OFFSET);
}

/**
 * Copy of the journal inode's block list and size, for repair tools. Low half first, as upstream writes it: its
 * resizer compares the bytes.
 */
function writeJournalBackup(block: Buffer, journal: Ext4Plan['journal']): void {
  const { iBlock, size } = journalInodeFields(journal);
  block.set(iBlock, 0x10c);
  block.writeUInt32LE(size % 2 ** 32, 0x10c + 60);
  block.writeUInt32LE(Math.floor(size / 2 ** 32), 0x10c + 64);
}

/** Blocks that hold the metadata of groups. */
export function overheadBlocks(geometry: Geometry): number {
  let blocks = 0;
  for (let group = 0; group < geometry.groups; group++) blocks += groupMetadataBlocks(geometry, group);
  return blocks;
}
