import type { Database } from 'better-sqlite3';
import type { UmzugStorage } from 'umzug';
import { appliedMigrations } from './applied-migrations.ts';

/** Creates the bookkeeping table that older and newer releases share. */
export function createBookkeeping(db: Database): void {
  db.exec(
    'CREATE TABLE IF NOT EXISTS "seaql_migrations" ' +
      '("version" varchar NOT NULL PRIMARY KEY, "applied_at" integer NOT NULL)',
  );
}

/** Books one migration as applied now. Called inside the migration's own transaction. */
export function bookMigration(db: Database, name: string): void {
  db.prepare('INSERT INTO seaql_migrations (version, applied_at) VALUES (?, ?)').run(
    name,
    Math.floor(Date.now() / 1000),
  );
}

/**
 * Lets umzug read the bookkeeping. Writing is not its business: a step and its row belong to one transaction,
 * and umzug calls the storage only after the step.
 */
export function seaqlStorage(db: Database): UmzugStorage {
  return {
    executed: async () => appliedMigrations(db),
    logMigration: async ({ name }) => {
      if (!appliedMigrations(db).includes(name)) throw new Error(`migration ${name} was not booked`);
    },
    unlogMigration: async ({ name }) => {
      throw new Error(`migration ${name} cannot be undone`);
    },
  };
}
