import type { Database } from 'better-sqlite3';

/** One step of the schema's history. */
export interface Migration {
  /** Its name in `seaql_migrations.version`. */
  readonly name: string;
  /**
   * Changes the database; runs inside a transaction that also books the name. Tolerates what an older release
   * left behind when it died between a change and its bookkeeping.
   */
  up(db: Database): void;
}
