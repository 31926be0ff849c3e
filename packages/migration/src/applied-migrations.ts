import type { Database } from 'better-sqlite3';

/** Names in the bookkeeping table, in no special order; none when the table does not exist yet. */
export function appliedMigrations(db: Database): string[] {
  try {
    return db.prepare<[], string>('SELECT version FROM seaql_migrations').pluck().all();
  } catch (error) {
    if (error instanceof Error && error.message === 'no such table: seaql_migrations') return [];
    throw error;
  }
}
