import { parseUtcTimestamp, utcTimestamp } from '@microsandbox/utils';
import type { Database } from 'better-sqlite3';
import { LEASES } from '../lease-queries.ts';
import { type JournalRow, readJournal } from './migration-journal.ts';

const DURATION_MS = 30 * 60_000;

/** The lease that keeps installations away while snapshots are translated. */
export interface TranslationLease {
  /** Stored time; with the process id it identifies the holding. */
  readonly expiresAt: string;
}

/** Takes the lease for this process (inside a transaction), or null while an installation has it. */
export function takeTranslationLease(db: Database): TranslationLease | null {
  const now = Date.now();
  const nowText = utcTimestamp(now);
  const expiresAt = utcTimestamp(now + DURATION_MS);
  db.prepare('INSERT OR IGNORE INTO maintenance_lease (name, lease_expires_at) VALUES (?, ?)').run(
    LEASES.install,
    nowText,
  );
  const { changes } = db
    .prepare(
      `UPDATE maintenance_lease SET holder_pid = ?, lease_expires_at = ?, last_completed_at = NULL
       WHERE name = ? AND lease_expires_at <= ?`,
    )
    .run(process.pid, expiresAt, LEASES.install, nowText);
  return changes === 0 ? null : { expiresAt };
}

/** Gives the lease back; nothing happens when it is another's by now. */
export function endTranslationLease(db: Database, { expiresAt }: TranslationLease): void {
  endLease(db, process.pid, expiresAt);
}

/**
 * Ends the lease that an interrupted translation left, which would keep everybody away until it runs out: it is held
 * while the journal has a translation that was planned under it and neither finished nor refused.
 *
 * The caller holds the migration lock, as every translation does, so none is at work.
 */
export function endAbandonedLease(db: Database): void {
  const journalExists = db
    .prepare(`SELECT 1 FROM sqlite_master WHERE name = 'snapshot_artifact_migration'`)
    .get();
  if (journalExists === undefined) return;
  const lease = db
    .prepare<[string, string], { holder_pid: number; lease_expires_at: string }>(
      `SELECT holder_pid, lease_expires_at FROM maintenance_lease
       WHERE name = ? AND lease_expires_at > ? AND holder_pid IS NOT NULL`,
    )
    .get(LEASES.install, utcTimestamp());
  if (lease === undefined) return;
  const takenAt = millisecondsOf(lease.lease_expires_at) - DURATION_MS;
  if (readJournal(db).some((row) => isUnfinished(row) && millisecondsOf(row.updated_at) >= takenAt)) {
    endLease(db, lease.holder_pid, lease.lease_expires_at);
  }
}

function isUnfinished({ phase, error_code }: JournalRow): boolean {
  return phase !== 'discovered' && phase !== 'complete' && error_code === null;
}

/** NaN, which is neither before nor after anything, for an unreadable time. */
function millisecondsOf(stored: string): number {
  return parseUtcTimestamp(stored)?.getTime() ?? Number.NaN;
}

function endLease(db: Database, holderPid: number, expiresAt: string): void {
  const now = utcTimestamp();
  db.prepare(
    `UPDATE maintenance_lease SET holder_pid = NULL, lease_expires_at = ?, last_completed_at = ?
     WHERE name = ? AND holder_pid = ? AND lease_expires_at = ?`,
  ).run(now, now, LEASES.install, holderPid, expiresAt);
}
