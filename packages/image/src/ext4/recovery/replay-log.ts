import { atBlock } from '../disk-region.ts';
import { JOURNAL_MAGIC } from '../journal.ts';
import type { Ext4File } from '../stored/ext4-file.ts';
import { parseRevoked } from './log-blocks.ts';
import type { LogReader } from './log-reader.ts';
import type { LogTransaction, LogWrite } from './scan-log.ts';

/** Puts what the transactions wrote in its places. Doing it twice changes nothing. */
export async function replayLog(
  file: Ext4File,
  reader: LogReader,
  transactions: readonly LogTransaction[],
): Promise<void> {
  const revokedUpTo = await revokedTargets(reader, transactions);
  for (const { target, logBlock, escaped } of lastWrites(transactions, revokedUpTo)) {
    const data = Buffer.from(await reader.read(logBlock));
    if (escaped) data.writeUInt32BE(JOURNAL_MAGIC, 0);
    await file.write(atBlock(target, data));
  }
}

/** Of every target that is revoked, the index of the last transaction that does so. */
async function revokedTargets(
  reader: LogReader,
  transactions: readonly LogTransaction[],
): Promise<Map<number, number>> {
  // A log can revoke far more blocks than it can write; only those it writes matter.
  const targets = new Set(transactions.flatMap(({ writes }) => writes.map(({ target }) => target)));
  const revoked = new Map<number, number>();
  for (const [index, { revokeBlocks }] of transactions.entries()) {
    for (const logBlock of revokeBlocks) {
      for (const target of parseRevoked(await reader.read(logBlock))) {
        if (targets.has(target)) revoked.set(target, index);
      }
    }
  }
  return revoked;
}

/** For every target the last write that no later or equal transaction revokes, in the order of the log. */
function lastWrites(
  transactions: readonly LogTransaction[],
  revokedUpTo: ReadonlyMap<number, number>,
): Iterable<LogWrite> {
  const last = new Map<number, LogWrite>();
  for (const [index, { writes }] of transactions.entries()) {
    for (const write of writes) {
      if (index <= (revokedUpTo.get(write.target) ?? -1)) continue;
      last.delete(write.target);
      last.set(write.target, write);
    }
  }
  return last.values();
}
