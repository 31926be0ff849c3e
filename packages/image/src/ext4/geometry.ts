import { InvalidConfigError } from '@microsandbox/types';
import {
  BLOCK_BYTES,
  BLOCKS_PER_GROUP,
  DESCRIPTOR_BYTES,
  INODE_TABLE_BLOCKS,
  MAX_GROUPS,
  MAX_JOURNAL_BLOCKS,
  MIN_JOURNAL_BLOCKS,
  RESERVED_GDT_BLOCKS,
} from './ext4-format.ts';

/** Smallest size that can be formatted, bytes. */
export const MINIMUM_EXT4_BYTES = 8 * 1024 * 1024;

/** Journal of file systems of 256 MiB and more, blocks (64 MiB). */
const FULL_JOURNAL_BLOCKS = 16_384;

/** How the blocks of a file system are divided. */
export interface Geometry {
  readonly blocks: number;
  readonly groups: number;
  /** Blocks of group descriptors, without the reserved ones behind them. */
  readonly gdtBlocks: number;
  /** Blocks kept behind the descriptors for those of later groups. */
  readonly reservedGdtBlocks: number;
}

/**
 * Divides `sizeBytes`. When the last group is too short for its own metadata, it is left out: the file system is
 * then up to 3 MiB smaller than asked for.
 *
 * @throws {InvalidConfigError} when the size is not a multiple of 4096, too small or too large.
 */
export function planGeometry(sizeBytes: number): Geometry {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes % BLOCK_BYTES !== 0) {
    throw new InvalidConfigError(
      `invalid ext4 image size: ${sizeBytes} is not a multiple of ${BLOCK_BYTES} bytes`,
    );
  }
  if (sizeBytes < MINIMUM_EXT4_BYTES) throw tooSmall();
  const blocks = sizeBytes / BLOCK_BYTES;
  const maximum = MAX_GROUPS * BLOCKS_PER_GROUP;
  if (blocks > maximum) {
    throw new InvalidConfigError(
      `image is too large for ext4 formatting: requested ${blocks} blocks, maximum is ${maximum} blocks`,
    );
  }
  const whole = newGeometry(blocks);
  return lastGroupFits(whole) ? whole : newGeometry((whole.groups - 1) * BLOCKS_PER_GROUP);
}

/** Whether the last group, which may be short, can hold its own metadata. */
export function lastGroupFits(geometry: Geometry): boolean {
  const last = geometry.groups - 1;
  return groupBlocks(geometry, last) >= groupMetadataBlocks(geometry, last);
}

/**
 * Division of so many blocks when descriptors and the blocks reserved for more of them take `spanBlocks` together,
 * which never changes in the life of a file system: what lies behind them cannot move.
 */
export function divide(blocks: number, spanBlocks: number): Geometry {
  const groups = Math.ceil(blocks / BLOCKS_PER_GROUP);
  const gdtBlocks = gdtBlocksOf(groups);
  return { blocks, groups, gdtBlocks, reservedGdtBlocks: spanBlocks - gdtBlocks };
}

/** Blocks that the descriptors of that many groups take. */
export function gdtBlocksOf(groups: number): number {
  return Math.ceil((groups * DESCRIPTOR_BYTES) / BLOCK_BYTES);
}

/** The error for content that does not fit. */
export function tooSmall(): InvalidConfigError {
  return new InvalidConfigError('image size is too small for ext4 formatting', {
    hint: `ask for more space; an empty file system needs ${MINIMUM_EXT4_BYTES / 1024 / 1024} MiB`,
  });
}

/** The usual journal for a file system of that many blocks: a quarter of it, at most 64 MiB. */
export function defaultJournalBlocks(blocks: number): number {
  const quarter = Math.floor(blocks / 4 / MIN_JOURNAL_BLOCKS) * MIN_JOURNAL_BLOCKS;
  return Math.min(Math.max(quarter, MIN_JOURNAL_BLOCKS), FULL_JOURNAL_BLOCKS);
}

/** @throws {InvalidConfigError} when Linux would not accept a journal of that length. */
export function assertJournalBlocks(journalBlocks: number): void {
  if (journalBlocks < MIN_JOURNAL_BLOCKS || journalBlocks > MAX_JOURNAL_BLOCKS) {
    throw new InvalidConfigError(
      `invalid ext4 image size: journal must contain ${MIN_JOURNAL_BLOCKS} to ${MAX_JOURNAL_BLOCKS} blocks`,
    );
  }
}

/** First block of a group. */
export function groupStart(group: number): number {
  return group * BLOCKS_PER_GROUP;
}

/** Blocks in a group; the last one may be short. */
export function groupBlocks(geometry: Geometry, group: number): number {
  return Math.min(BLOCKS_PER_GROUP, geometry.blocks - groupStart(group));
}

/** Whether a group holds a superblock: 0, 1 and the powers of 3, 5 and 7 (feature sparse_super). */
export function hasSuperblock(group: number): boolean {
  return group <= 1 || [3, 5, 7].some((base) => isPowerOf(base, group));
}

/** Groups with a copy of the superblock, group 0 not among them. */
export function backupGroups(geometry: Geometry): number[] {
  const groups: number[] = [];
  for (let group = 1; group < geometry.groups; group++) if (hasSuperblock(group)) groups.push(group);
  return groups;
}

/** Blocks at the start of a group that hold superblock, descriptors and reserved descriptors. */
export function leadBlocks(geometry: Geometry, group: number): number {
  return hasSuperblock(group) ? 1 + geometry.gdtBlocks + geometry.reservedGdtBlocks : 0;
}

/** Blocks of a group before the first that can hold data: lead, two bitmaps, inode table. */
export function groupMetadataBlocks(geometry: Geometry, group: number): number {
  return leadBlocks(geometry, group) + 2 + INODE_TABLE_BLOCKS;
}

function newGeometry(blocks: number): Geometry {
  return divide(blocks, gdtBlocksOf(Math.ceil(blocks / BLOCKS_PER_GROUP)) + RESERVED_GDT_BLOCKS);
}

function isPowerOf(base: number, value: number): boolean {
  let power = base;
  while (power < value) power *= base;
  return power === value;
}
