import { crc32c } from '../../checksum/crc32c.ts';
import {
  BLOCK_BYTES,
  BLOCKS_PER_GROUP,
  CRC_START,
  DESCRIPTOR_BYTES,
  FEATURES,
  FIRST_TREE_INODE,
  INODE_BYTES,
  INODES_PER_GROUP,
  SUPERBLOCK_BYTES,
  SUPERBLOCK_OFFSET,
} from '../ext4-format.ts';
import {
  divide,
  type Geometry,
  gdtBlocksOf,
  groupBlocks,
  groupMetadataBlocks,
  groupStart,
} from '../geometry.ts';
import { CHECKSUM_OFFSET, SUPERBLOCK_MAGIC, sealSuperblock, superblockChecksum } from '../superblock.ts';
import type { Ext4File } from './ext4-file.ts';
import { readSplit32 } from './split-numbers.ts';
import { unsupportedImage } from './unsupported-image.ts';

/** The journal holds changes that are not in their places yet. */
export const RECOVER_FEATURE = 0x04;

/** Feature mask of the formatter up to release 0.6.8: no resize inode. */
const LEGACY_COMPAT = 0x2c;

/** Block numbers of 32 bits. */
const MAX_BLOCKS = 2 ** 32 - 1;

const LOG_BLOCK_SIZE = 2;

/** A primary superblock whose geometry can be relied on. */
export interface StoredSuperblock {
  readonly bytes: Buffer;
  readonly geometry: Geometry;
  readonly uuid: Buffer;
  /** What checksums start from. */
  readonly seed: number;
  readonly freeBlocks: number;
  readonly freeInodes: number;
  readonly needsRecovery: boolean;
  /** `legacy`: made by a release up to 0.6.8, without resize inode. */
  readonly layout: 'modern' | 'legacy';
  readonly hasOrphans: boolean;
}

/**
 * Reads the primary superblock and refuses everything that this formatter does not write.
 *
 * @throws {ImageError} `unsupported ext4 image: …`
 */
export async function readSuperblock(file: Ext4File): Promise<StoredSuperblock> {
  if (file.size < SUPERBLOCK_OFFSET + SUPERBLOCK_BYTES) {
    throw unsupportedImage('file too small to contain an ext4 superblock');
  }
  return parseSuperblock(await file.read(SUPERBLOCK_OFFSET, SUPERBLOCK_BYTES), file.size);
}

/**
 * Reads the superblock in a group that holds a copy; magic number and checksum are all that is checked.
 *
 * @throws {ImageError} `unsupported ext4 image: group … backup …`
 */
export async function readBackupSuperblock(file: Ext4File, group: number): Promise<Buffer> {
  const bytes = await file.read(groupStart(group) * BLOCK_BYTES, SUPERBLOCK_BYTES);
  if (bytes.readUInt16LE(0x38) !== SUPERBLOCK_MAGIC || !hasRightChecksum(bytes)) {
    throw unsupportedImage(`group ${group} backup superblock has a bad magic or checksum`);
  }
  return bytes;
}

/** Changes the counters of a superblock and puts the checksum right. */
export function setFreeCounters(
  bytes: Buffer,
  free: Pick<StoredSuperblock, 'freeBlocks' | 'freeInodes'>,
): void {
  bytes.writeUInt32LE(free.freeBlocks % 2 ** 32, 0x0c);
  bytes.writeUInt32LE(Math.floor(free.freeBlocks / 2 ** 32), 0x158);
  bytes.writeUInt32LE(free.freeInodes, 0x10);
  sealSuperblock(bytes);
}

function hasRightChecksum(bytes: Buffer): boolean {
  return superblockChecksum(bytes) === bytes.readUInt32LE(CHECKSUM_OFFSET);
}

function parseSuperblock(bytes: Buffer, fileBytes: number): StoredSuperblock {
  if (bytes.readUInt16LE(0x38) !== SUPERBLOCK_MAGIC) throw unsupportedImage('bad superblock magic');
  if (!hasRightChecksum(bytes)) throw unsupportedImage('superblock checksum mismatch');
  const layout = layoutOf(bytes);
  assertConstants(bytes, layout);
  const uuid = bytes.subarray(0x68, 0x78);
  return {
    bytes,
    geometry: geometryOf(bytes, fileBytes),
    uuid,
    seed: crc32c(uuid, CRC_START),
    freeBlocks: readSplit32(bytes, 0x0c, 0x158),
    freeInodes: bytes.readUInt32LE(0x10),
    needsRecovery: (bytes.readUInt32LE(0x60) & RECOVER_FEATURE) !== 0,
    layout,
    hasOrphans: bytes.readUInt32LE(0xe8) !== 0,
  };
}

function layoutOf(bytes: Buffer): StoredSuperblock['layout'] {
  const compat = bytes.readUInt32LE(0x5c);
  const incompat = bytes.readUInt32LE(0x60);
  const roCompat = bytes.readUInt32LE(0x64);
  const isKnown =
    (compat === FEATURES.compat || compat === LEGACY_COMPAT) &&
    (incompat & ~RECOVER_FEATURE) >>> 0 === FEATURES.incompat &&
    roCompat === FEATURES.roCompat;
  if (isKnown) return compat === LEGACY_COMPAT ? 'legacy' : 'modern';
  const hex = [compat, incompat, roCompat].map((mask) => `0x${mask.toString(16)}`);
  throw unsupportedImage(
    `feature flags do not match this formatter (compat=${hex[0]}, incompat=${hex[1]}, ro_compat=${hex[2]})`,
  );
}

/** What is the same in every image of this formatter, however Linux used it. */
function assertConstants(bytes: Buffer, layout: StoredSuperblock['layout']): void {
  const u16 = (at: number): number => bytes.readUInt16LE(at);
  const u32 = (at: number): number => bytes.readUInt32LE(at);
  const checks: readonly (readonly [isRight: boolean, reason: string])[] = [
    [u32(0x4c) === 1, 'unexpected revision level'],
    [u32(0x18) === LOG_BLOCK_SIZE, 'unexpected block size'],
    [u32(0x1c) === LOG_BLOCK_SIZE, 'unexpected cluster size'],
    [u32(0x20) === BLOCKS_PER_GROUP, 'unexpected blocks per group'],
    [u32(0x24) === BLOCKS_PER_GROUP, 'unexpected clusters per group'],
    [u32(0x28) === INODES_PER_GROUP, 'unexpected inodes per group'],
    [u16(0x58) === INODE_BYTES, 'unexpected inode size'],
    [u16(0xfe) === DESCRIPTOR_BYTES, 'unexpected group descriptor size'],
    [u32(0x14) === 0, 'unexpected first data block'],
    [u32(0x54) === FIRST_TREE_INODE, 'unexpected first inode'],
    [u16(0x5a) === 0, 'not a primary superblock'],
    [bytes[0x175] === 1, 'unexpected metadata checksum type'],
    [bytes[0x174] === 0 && u32(0x104) === 0, 'unexpected flex_bg/meta_bg layout'],
    // Early releases kept another number there.
    [layout === 'legacy' || u32(0x194) === 0, 'superblock error count is nonzero'],
    // Linux leaves the state alone while a file system with a journal is mounted.
    [u16(0x3a) === 1, 'filesystem state is not clean (s_state != 1)'],
  ];
  const wrong = checks.find(([isRight]) => !isRight);
  if (wrong !== undefined) throw unsupportedImage(wrong[1]);
}

function geometryOf(bytes: Buffer, fileBytes: number): Geometry {
  const blocks = readSplit32(bytes, 0x04, 0x150);
  if (blocks === 0 || blocks > MAX_BLOCKS) throw unsupportedImage('implausible block count');
  if (fileBytes !== blocks * BLOCK_BYTES) {
    throw unsupportedImage('file length does not match superblock block count');
  }
  const groups = Math.ceil(blocks / BLOCKS_PER_GROUP);
  if (bytes.readUInt32LE(0x00) !== groups * INODES_PER_GROUP) {
    throw unsupportedImage('inode count does not match group count');
  }
  const geometry = divide(blocks, gdtBlocksOf(groups) + bytes.readUInt16LE(0xce));
  if (groupMetadataBlocks(geometry, 0) > groupBlocks(geometry, 0)) {
    throw unsupportedImage('group 0 metadata does not fit its group');
  }
  return geometry;
}
