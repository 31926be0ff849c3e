import { utcTimestamp } from '@microsandbox/utils';
import type { Database } from 'better-sqlite3';
import type { PlannedTranslation } from './plan-translations.ts';
import type { MigrationPhase, SnapshotMigrationError } from './snapshot-migration-error.ts';

/** Which rows of `snapshot_artifact_migration` (spec: state 7) are these translations. */
const KIND = 'v0.6.6-manifest-to-snapshot-v1';
const MAX_DETAIL_CHARS = 1024;

/** A row of the journal, as far as the next opening needs it. */
export interface JournalRow {
  readonly artifact_path: string;
  readonly source_digest: string | null;
  readonly target_digest: string | null;
  readonly phase: MigrationPhase;
  readonly error_code: string | null;
  readonly error_detail: string | null;
  /** Stored time. */
  readonly updated_at: string;
}

/** Every translation that was ever begun. */
export function readJournal(db: Database): JournalRow[] {
  return db
    .prepare<[string], JournalRow>(
      `SELECT artifact_path, source_digest, target_digest, phase, error_code, error_detail,
         updated_at
       FROM snapshot_artifact_migration WHERE kind = ? ORDER BY id`,
    )
    .all(KIND);
}

/** Notes folders that were not seen before. */
export function journalDiscovered(db: Database, paths: readonly string[]): void {
  const insert = db.prepare(
    `INSERT OR IGNORE INTO snapshot_artifact_migration
       (kind, artifact_path, phase, attempts, discovered_at, updated_at) VALUES (?, ?, 'discovered', 0, ?, ?)`,
  );
  for (const path of paths) {
    const now = utcTimestamp();
    insert.run(KIND, path, now, now);
  }
}

/** Notes what will be done; from here on files change. */
export function journalPlanned(db: Database, { artifact, target, targetParent }: PlannedTranslation): void {
  db.prepare(
    `UPDATE snapshot_artifact_migration SET phase = 'planned', attempts = attempts + 1, source_digest = ?,
       source_parent_digest = ?, target_digest = ?, target_parent_digest = ?, payload_integrity = ?,
       payload_size = ?, payload_file_identity = ?, error_code = NULL, error_detail = NULL, updated_at = ?
     WHERE kind = ? AND artifact_path = ?`,
  ).run(
    artifact.legacy.digest,
    artifact.legacy.parent,
    target.digest,
    targetParent,
    artifact.legacy.upper.integrity?.digest ?? null,
    artifact.legacy.upper.size_bytes,
    artifact.payloadIdentity,
    utcTimestamp(),
    KIND,
    artifact.path,
  );
}

/** Notes how far a translation has come. */
export function journalPhase(db: Database, path: string, phase: MigrationPhase): void {
  const now = utcTimestamp();
  db.prepare(
    `UPDATE snapshot_artifact_migration SET phase = ?, updated_at = ?, completed_at = ?, error_code = NULL,
       error_detail = NULL WHERE kind = ? AND artifact_path = ?`,
  ).run(phase, now, phase === 'complete' ? now : null, KIND, path);
}

/** Notes why a snapshot was left as it is, in the journal and beside its index row. */
export function journalFailure(db: Database, path: string, error: SnapshotMigrationError): void {
  db.prepare(
    `UPDATE snapshot_artifact_migration SET phase = ?, attempts = attempts + 1, error_code = ?, error_detail = ?,
       updated_at = ? WHERE kind = ? AND artifact_path = ?`,
  ).run(error.phase, error.code, boundedDetail(error), utcTimestamp(), KIND, path);
  db.prepare(
    `UPDATE snapshot_index SET migration_state = 'blocked', migration_error_code = ? WHERE artifact_path = ?`,
  ).run(error.code, path);
}

/** Whether the journal says this already, so that a snapshot that stays blocked costs no write at every opening. */
export function isJournaled(row: JournalRow | undefined, error: SnapshotMigrationError): boolean {
  return row?.error_code === error.code && row.error_detail === boundedDetail(error);
}

function boundedDetail(error: SnapshotMigrationError): string {
  return error.message.slice(0, MAX_DETAIL_CHARS);
}
