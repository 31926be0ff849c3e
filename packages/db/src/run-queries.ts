import type { TerminationReason } from '@microsandbox/types';
import { utcTimestamp } from '@microsandbox/utils';
import type { Database } from 'better-sqlite3';
import type { RunRow } from './rows.ts';

const COLUMNS = 'id, sandbox_id, pid, status, exit_code, termination_reason, started_at, terminated_at';

/** How a run ended. */
export interface RunEnd {
  readonly reason: TerminationReason;
  readonly exitCode?: number | null | undefined;
}

/**
 * Adds a run in state `Running`, started now, and closes whatever older runs of the sandbox are still open: who
 * starts holds its lifecycle lock, so their processes are gone. Returns its id.
 */
export function insertRun(db: Database, run: { readonly sandboxId: number; readonly pid: number }): number {
  db.prepare(
    `UPDATE run SET status = 'Terminated', termination_reason = 'InternalError', terminated_at = ?
     WHERE sandbox_id = ? AND status = 'Running'`,
  ).run(utcTimestamp(), run.sandboxId);
  const { lastInsertRowid } = db
    .prepare(`INSERT INTO run (sandbox_id, pid, status, started_at) VALUES (?, ?, 'Running', ?)`)
    .run(run.sandboxId, run.pid, utcTimestamp());
  return Number(lastInsertRowid);
}

/** Closes a run that is still open; false when it was closed already, whose end then stands. */
export function finishRun(db: Database, id: number, end: RunEnd): boolean {
  const { changes } = db
    .prepare(
      `UPDATE run SET status = 'Terminated', termination_reason = ?, exit_code = ?, terminated_at = ?
       WHERE id = ? AND status = 'Running'`,
    )
    .run(end.reason, end.exitCode ?? null, utcTimestamp(), id);
  return changes > 0;
}

/** The run that counts as running: the latest started among those in state `Running`. */
export function activeRun(db: Database, sandboxId: number): RunRow | null {
  return (
    db
      .prepare<[number], RunRow>(
        `SELECT ${COLUMNS} FROM run WHERE sandbox_id = ? AND status = 'Running'
         ORDER BY started_at DESC, id DESC LIMIT 1`,
      )
      .get(sandboxId) ?? null
  );
}

/** The run with the highest id, whatever its state. */
export function latestRun(db: Database, sandboxId: number): RunRow | null {
  return (
    db
      .prepare<[number], RunRow>(`SELECT ${COLUMNS} FROM run WHERE sandbox_id = ? ORDER BY id DESC LIMIT 1`)
      .get(sandboxId) ?? null
  );
}
