import { crc32c } from '../../checksum/crc32c.ts';
import type { BlockRun } from '../block-space.ts';
import { BLOCK_BYTES, CRC_START } from '../ext4-format.ts';
import {
  JOURNAL_CRC32C,
  JOURNAL_INCOMPAT,
  JOURNAL_MAGIC,
  JOURNAL_SUPERBLOCK_BYTES,
  JOURNAL_SUPERBLOCK_V2,
  journalSuperblockChecksum,
  sealJournalSuperblock,
} from '../journal.ts';
import type { Ext4File } from '../stored/ext4-file.ts';
import { unsupportedImage } from '../stored/unsupported-image.ts';

/** A journal's superblock, checked. Blocks of the log are counted from the start of the journal. */
export interface StoredJournal {
  readonly run: BlockRun;
  readonly bytes: Buffer;
  /** What checksums of its blocks start from. */
  readonly seed: number;
  /** Where the log goes on after the journal's last block. */
  readonly first: number;
  /** First block of the log; 0 when nothing is in it. */
  readonly start: number;
  /** Number of the first transaction in the log. */
  readonly sequence: number;
}

/**
 * Reads the journal's superblock and refuses every feature that this formatter does not use.
 *
 * @throws {ImageError} `unsupported ext4 image: journal …`
 */
export async function readJournal(file: Ext4File, run: BlockRun, uuid: Buffer): Promise<StoredJournal> {
  const bytes = await file.read(run.start * BLOCK_BYTES, JOURNAL_SUPERBLOCK_BYTES);
  const u32 = (at: number): number => bytes.readUInt32BE(at);
  const [first, sequence, start] = [u32(0x14), u32(0x18), u32(0x1c)];
  const [compat, incompat, roCompat] = [u32(0x24), u32(0x28), u32(0x2c)];
  const hex = [compat, incompat, roCompat].map((mask) => `0x${mask.toString(16)}`);
  const features = `feature flags do not match this formatter (compat=${hex[0]}, incompat=${hex[1]}, ro_compat=${hex[2]})`;
  const checks: readonly (readonly [isRight: boolean, reason: string])[] = [
    [
      u32(0x00) === JOURNAL_MAGIC && u32(0x04) === JOURNAL_SUPERBLOCK_V2,
      'superblock has bad magic or block type',
    ],
    [journalSuperblockChecksum(bytes) === u32(0xfc), 'superblock checksum mismatch'],
    [compat === 0 && incompat === JOURNAL_INCOMPAT && roCompat === 0, features],
    [bytes[0x50] === JOURNAL_CRC32C, 'checksum type is not crc32c'],
    [bytes.subarray(0x30, 0x40).equals(uuid), 'uuid does not match the filesystem uuid'],
    // Linux gave the journal up after damage that a replay would hide.
    [u32(0x20) === 0, 'records a filesystem error (s_errno set)'],
    [u32(0x0c) === BLOCK_BYTES, 'block size is not 4096'],
    [u32(0x10) === run.count, 's_maxlen does not match the journal inode extent'],
    [first > 0 && first < run.count, 's_first is out of range'],
    [start === 0 || (start >= first && start < run.count), 's_start is out of range'],
  ];
  const wrong = checks.find(([isRight]) => !isRight);
  if (wrong !== undefined) throw unsupportedImage(`journal ${wrong[1]}`);
  return { run, bytes, seed: crc32c(uuid, CRC_START), first, start, sequence };
}

/** The superblock of the same journal without a log; the next transaction gets the number `sequence`. */
export function encodeEmptied(journal: StoredJournal, sequence: number): Buffer {
  const bytes = Buffer.from(journal.bytes);
  bytes.writeUInt32BE(sequence >>> 0, 0x18);
  bytes.writeUInt32BE(0, 0x1c);
  sealJournalSuperblock(bytes);
  return bytes;
}
