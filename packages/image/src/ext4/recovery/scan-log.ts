import { JOURNAL_MAGIC } from '../journal.ts';
import { unsupportedImage } from '../stored/unsupported-image.ts';
import {
  dataChecksum,
  hasRightTail,
  isRightCommit,
  LOG_BLOCK_TYPES,
  type LogTag,
  parseTags,
} from './log-blocks.ts';
import type { LogReader } from './log-reader.ts';
import type { StoredJournal } from './stored-journal.ts';

/** A block that a transaction wrote; its content is in the log. */
export interface LogWrite {
  /** Block of the file system. */
  readonly target: number;
  readonly logBlock: number;
  readonly escaped: boolean;
}

/** What belongs together: all of it takes effect or nothing. */
export interface LogTransaction {
  readonly sequence: number;
  readonly writes: readonly LogWrite[];
  /** Blocks of the log that list revoked blocks. */
  readonly revokeBlocks: readonly number[];
}

export interface ScannedLog {
  /** Those to be replayed, oldest first. */
  readonly transactions: readonly LogTransaction[];
  /** A number that no block of the log carries. */
  readonly nextSequence: number;
}

/** A transaction while its blocks are met. */
interface OpenTransaction {
  readonly writes: LogWrite[];
  readonly revokeBlocks: number[];
  /** Not all of its blocks are as they were written. */
  isDamaged: boolean;
}

type FoundTransaction = LogTransaction & Pick<OpenTransaction, 'isDamaged'>;

/**
 * Reads a log from its start and finds the complete transactions. It ends at the first block that is not the next one
 * of the log, and before the first transaction that did not arrive whole: such a one never took effect.
 *
 * @throws {ImageError} `unsupported ext4 image: journal …` for what no interrupted write can explain: targets that
 * cannot be, or whole transactions behind a damaged one (to drop those would undo what is in its place already).
 */
export async function scanLog(
  reader: LogReader,
  journal: StoredJournal,
  fileSystemBlocks: number,
): Promise<ScannedLog> {
  const found: FoundTransaction[] = [];
  let open = newTransaction();
  let { sequence } = journal;
  let at = journal.start;
  // A log that reaches its own start again is none.
  let left = journal.run.count;
  const step = (): void => {
    if (left-- === 0) throw unsupportedImage('journal log walk exceeded the journal size');
    at = reader.next(at);
  };
  for (;;) {
    const block = await reader.read(at);
    const type = block.readUInt32BE(4);
    if (block.readUInt32BE(0) !== JOURNAL_MAGIC || block.readUInt32BE(8) !== sequence) break;
    if (type === LOG_BLOCK_TYPES.descriptor) {
      const isWhole = hasRightTail(block, journal.seed);
      open.isDamaged ||= !isWhole;
      const tags = isWhole ? parseTags(block) : guessTags(block);
      step();
      for (const { target, escaped, checksum } of tags) {
        if (isWhole) assertTarget(target, sequence, journal, fileSystemBlocks);
        const data = await reader.read(at);
        open.isDamaged ||= dataChecksum(data, sequence, journal.seed) !== checksum;
        open.writes.push({ target, logBlock: at, escaped });
        step();
      }
    } else if (type === LOG_BLOCK_TYPES.revoke) {
      open.isDamaged ||= !hasRightTail(block, journal.seed);
      open.revokeBlocks.push(at);
      step();
    } else if (type === LOG_BLOCK_TYPES.commit) {
      open.isDamaged ||= !isRightCommit(block, journal.seed);
      found.push({ sequence, ...open });
      open = newTransaction();
      sequence = (sequence + 1) >>> 0;
      step();
    } else {
      break;
    }
  }
  return { transactions: withoutDamagedEnd(found), nextSequence: (sequence + 1) >>> 0 };
}

/** How many blocks follow a damaged descriptor is a guess; a wrong one ends the log a little earlier. */
function guessTags(block: Buffer): LogTag[] {
  try {
    return parseTags(block);
  } catch {
    return [];
  }
}

function newTransaction(): OpenTransaction {
  return { writes: [], revokeBlocks: [], isDamaged: false };
}

function withoutDamagedEnd(transactions: readonly FoundTransaction[]): readonly LogTransaction[] {
  const damaged = transactions.findIndex(({ isDamaged }) => isDamaged);
  if (damaged < 0) return transactions;
  if (transactions.slice(damaged).some(({ isDamaged }) => !isDamaged)) {
    throw unsupportedImage(`journal transaction ${transactions[damaged]?.sequence} is damaged`);
  }
  return transactions.slice(0, damaged);
}

function assertTarget(
  target: number,
  sequence: number,
  { run }: StoredJournal,
  fileSystemBlocks: number,
): void {
  const what = `journal transaction ${sequence} writes block ${target}`;
  if (target >= fileSystemBlocks) {
    throw unsupportedImage(`${what} beyond the filesystem's ${fileSystemBlocks} blocks`);
  }
  if (target >= run.start && target < run.start + run.count) {
    throw unsupportedImage(`${what} inside the journal itself`);
  }
}
