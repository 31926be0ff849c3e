import type { Database } from 'better-sqlite3';
import { assertSchemaNotAhead } from './assert-schema-not-ahead.ts';

/**
 * Brings a database to this release's schema. Each step and its bookkeeping row are one immediate transaction,
 * so a crash leaves whole steps only. When nothing is pending this costs one query.
 *
 * The caller keeps other processes away (the catalog holds a file lock while it opens) and retries when the
 * database is busy: what was done stays done.
 *
 * @returns names of the steps that ran
 * @throws MicrosandboxError `schemaTooNew` before anything is touched
 */
export async function migrate(db: Database): Promise<string[]> {
  if (assertSchemaNotAhead(db).length === 0) return [];
  const { runPending } = await import('./run-pending.ts');
  return runPending(db);
}
