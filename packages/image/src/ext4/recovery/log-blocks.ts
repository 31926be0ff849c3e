import { crc32c } from '../../checksum/crc32c.ts';
import { BLOCK_BYTES } from '../ext4-format.ts';
import { unsupportedImage } from '../stored/unsupported-image.ts';

/** Types of the blocks of a log that are not data (Linux: include/linux/jbd2.h). */
export const LOG_BLOCK_TYPES = { descriptor: 1, commit: 2, revoke: 5 } as const;

/** Says of one data block behind a descriptor where it belongs. */
export interface LogTag {
  readonly target: number;
  /** The block's first word is the journal's magic number, and stands as zero in the log. */
  readonly escaped: boolean;
  readonly checksum: number;
}

const HEADER_BYTES = 12;
const TAG_BYTES = 16;
const UUID_BYTES = 16;
const TAIL_OFFSET = BLOCK_BYTES - 4;
const COMMIT_CHECKSUM_OFFSET = 16;
const REVOKE_HEADER_BYTES = 16;

const FLAG_ESCAPE = 1;
const FLAG_SAME_UUID = 2;
const FLAG_LAST = 8;

/**
 * Tags of a descriptor block.
 *
 * @throws {ImageError} `unsupported ext4 image: journal descriptor …` when it cannot tell what follows it.
 */
export function parseTags(block: Buffer): LogTag[] {
  const tags: LogTag[] = [];
  for (let at = HEADER_BYTES; at + TAG_BYTES <= TAIL_OFFSET; ) {
    const flags = block.readUInt32BE(at + 4);
    if ((flags & ~(FLAG_ESCAPE | FLAG_SAME_UUID | FLAG_LAST)) !== 0) {
      throw unsupportedImage(`journal descriptor tag has unsupported flags 0x${flags.toString(16)}`);
    }
    tags.push({
      target: block.readUInt32BE(at) + block.readUInt32BE(at + 8) * 2 ** 32,
      escaped: (flags & FLAG_ESCAPE) !== 0,
      checksum: block.readUInt32BE(at + 12),
    });
    if ((flags & FLAG_LAST) !== 0) break;
    at += TAG_BYTES + ((flags & FLAG_SAME_UUID) === 0 ? UUID_BYTES : 0);
  }
  if (tags.length === 0) throw unsupportedImage('journal descriptor block contains no tags');
  return tags;
}

/**
 * Block numbers in a revoke block: what the transactions up to this one wrote there must not be replayed.
 *
 * @throws {ImageError} `unsupported ext4 image: journal revoke block …`
 */
export function parseRevoked(block: Buffer): number[] {
  const end = block.readUInt32BE(HEADER_BYTES);
  if (end < REVOKE_HEADER_BYTES || end > TAIL_OFFSET || (end - REVOKE_HEADER_BYTES) % 8 !== 0) {
    throw unsupportedImage('journal revoke block has an invalid record count');
  }
  const revoked: number[] = [];
  for (let at = REVOKE_HEADER_BYTES; at < end; at += 8) {
    revoked.push(block.readUInt32BE(at) * 2 ** 32 + block.readUInt32BE(at + 4));
  }
  return revoked;
}

/** Whether a descriptor or revoke block is as it was written. */
export function hasRightTail(block: Buffer, seed: number): boolean {
  return checksumWithout(block, TAIL_OFFSET, seed) === block.readUInt32BE(TAIL_OFFSET);
}

/** Whether a commit block is as it was written. */
export function isRightCommit(block: Buffer, seed: number): boolean {
  return checksumWithout(block, COMMIT_CHECKSUM_OFFSET, seed) === block.readUInt32BE(COMMIT_CHECKSUM_OFFSET);
}

/** Checksum of a data block as it stands in the log, in the transaction of that number. */
export function dataChecksum(block: Buffer, sequence: number, seed: number): number {
  const number = Buffer.alloc(4);
  number.writeUInt32BE(sequence, 0);
  return crc32c(block, crc32c(number, seed));
}

function checksumWithout(block: Buffer, offset: number, seed: number): number {
  const covered = Buffer.from(block);
  covered.writeUInt32BE(0, offset);
  return crc32c(covered, seed);
}
