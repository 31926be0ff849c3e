import { SandboxAlreadyExistsError, type SandboxConfigRecord, type SandboxState } from '@microsandbox/types';
import { utcTimestamp } from '@microsandbox/utils';
import Database from 'better-sqlite3';
import type { SandboxRow } from './rows.ts';

/** Which sandboxes a list shows, newest first. */
export interface SandboxFilter {
  /** Most rows to return; all of them when not given. */
  readonly limit?: number;
  /** Only rows older than this one. */
  readonly beforeId?: number | undefined;
  /** Labels that must all be there with exactly this value. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** States in which no machine can be running, so that no active configuration is kept. */
const IDLE_STATES: readonly SandboxState[] = ['Created', 'Stopped', 'Crashed'];

/**
 * Adds a sandbox in state `Running`, with its labels. The text of its configuration is the caller's record.
 *
 * @throws SandboxAlreadyExistsError
 */
export function insertSandbox(db: Database.Database, config: SandboxConfigRecord): SandboxRow {
  const now = utcTimestamp();
  let id: number | bigint;
  try {
    id = db
      .prepare(
        `INSERT INTO sandbox (name, config, status, created_at, updated_at, ephemeral)
         VALUES (?, ?, 'Running', ?, ?, ?)`,
      )
      .run(config.name, JSON.stringify(config), now, now, config.lifecycle.ephemeral ? 1 : 0).lastInsertRowid;
  } catch (error) {
    if (error instanceof Database.SqliteError && error.code === 'SQLITE_CONSTRAINT_UNIQUE') {
      throw sandboxAlreadyExists(config.name, error);
    }
    throw error;
  }
  insertLabels(db, Number(id), config.labels);
  return sandboxById(db, Number(id)) as SandboxRow;
}

/** The one error for a name that is taken, wherever it is noticed. */
export function sandboxAlreadyExists(name: string, cause?: unknown): SandboxAlreadyExistsError {
  return new SandboxAlreadyExistsError(
    `sandbox already exists: sandbox '${name}' already exists; remove it, start the stopped sandbox, or ` +
      'recreate with .replace()',
    { cause },
  );
}

export function sandboxById(db: Database.Database, id: number): SandboxRow | null {
  return db.prepare<[number], SandboxRow>('SELECT * FROM sandbox WHERE id = ?').get(id) ?? null;
}

export function sandboxByName(db: Database.Database, name: string): SandboxRow | null {
  return db.prepare<[string], SandboxRow>('SELECT * FROM sandbox WHERE name = ?').get(name) ?? null;
}

export function listSandboxes(db: Database.Database, filter: SandboxFilter): SandboxRow[] {
  const labels = Object.entries(filter.labels ?? {});
  const conditions = labels.map(
    () =>
      'EXISTS (SELECT 1 FROM sandbox_labels l WHERE l.sandbox_id = sandbox.id AND l.key = ? AND l.value = ?)',
  );
  if (filter.beforeId !== undefined) conditions.push('id < ?');
  const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
  return db
    .prepare<unknown[], SandboxRow>(`SELECT * FROM sandbox ${where} ORDER BY id DESC LIMIT ?`)
    .all(...labels.flat(), ...(filter.beforeId === undefined ? [] : [filter.beforeId]), filter.limit ?? -1);
}

/**
 * Changes the state; with `from`, only when it is one of those. A state without a machine forgets the active
 * configuration.
 *
 * @returns whether a row changed
 */
export function setSandboxStatus(
  db: Database.Database,
  id: number,
  status: SandboxState,
  from?: readonly SandboxState[],
): boolean {
  const forget = IDLE_STATES.includes(status) ? ', active_config = NULL' : '';
  const condition = from === undefined ? '' : ` AND status IN (${from.map(() => '?').join(', ')})`;
  const { changes } = db
    .prepare(`UPDATE sandbox SET status = ?, updated_at = ?${forget} WHERE id = ?${condition}`)
    .run(status, utcTimestamp(), id, ...(from ?? []));
  return changes > 0;
}

export function setActiveConfig(db: Database.Database, id: number, config: SandboxConfigRecord): void {
  db.prepare('UPDATE sandbox SET active_config = ?, updated_at = ? WHERE id = ?').run(
    JSON.stringify(config),
    utcTimestamp(),
    id,
  );
}

/** Replaces the desired configuration and what is derived from it. */
export function updateSandboxConfig(db: Database.Database, id: number, config: SandboxConfigRecord): void {
  db.prepare('UPDATE sandbox SET config = ?, ephemeral = ?, updated_at = ? WHERE id = ?').run(
    JSON.stringify(config),
    config.lifecycle.ephemeral ? 1 : 0,
    utcTimestamp(),
    id,
  );
  db.prepare('DELETE FROM sandbox_labels WHERE sandbox_id = ?').run(id);
  insertLabels(db, id, config.labels);
}

/** Deletes a sandbox; runs, labels and the image pin go with it. False when it was gone already. */
export function deleteSandbox(db: Database.Database, id: number): boolean {
  return db.prepare('DELETE FROM sandbox WHERE id = ?').run(id).changes > 0;
}

/** Deletes a sandbox that removes itself, if it is still one and still at its end. */
export function deleteFinishedEphemeral(db: Database.Database, id: number): boolean {
  const { changes } = db
    .prepare(`DELETE FROM sandbox WHERE id = ? AND ephemeral = 1 AND status IN ('Stopped', 'Crashed')`)
    .run(id);
  return changes > 0;
}

function insertLabels(db: Database.Database, id: number, labels: Readonly<Record<string, string>>): void {
  const insert = db.prepare('INSERT INTO sandbox_labels (sandbox_id, key, value) VALUES (?, ?, ?)');
  for (const [key, value] of Object.entries(labels)) insert.run(id, key, value);
}
