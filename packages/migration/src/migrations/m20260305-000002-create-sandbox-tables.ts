import type { Migration } from '../migration.ts';

/** Sandboxes and their runs. */
export const createSandboxTables: Migration = {
  name: 'm20260305_000002_create_sandbox_tables',
  up(db) {
    db.exec(`
      CREATE TABLE IF NOT EXISTS "sandbox" (
        "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
        "name" text NOT NULL UNIQUE,
        "config" text NOT NULL,
        "status" text NOT NULL,
        "created_at" datetime_text,
        "updated_at" datetime_text
      );
      CREATE TABLE IF NOT EXISTS "run" (
        "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
        "sandbox_id" integer NOT NULL,
        "pid" integer,
        "status" text NOT NULL,
        "exit_code" integer,
        "exit_signal" integer,
        "termination_reason" text,
        "termination_detail" text,
        "signals_sent" text,
        "started_at" datetime_text,
        "terminated_at" datetime_text,
        FOREIGN KEY ("sandbox_id") REFERENCES "sandbox" ("id") ON DELETE CASCADE
      );
    `);
  },
};
