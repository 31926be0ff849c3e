import type { Migration } from '../migration.ts';

/** Volumes, and the first snapshot table, which step 6 replaces. */
export const createStorageTables: Migration = {
  name: 'm20260305_000003_create_storage_tables',
  up(db) {
    db.exec(`
      CREATE TABLE IF NOT EXISTS "volume" (
        "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
        "name" text NOT NULL UNIQUE,
        "quota_mib" integer,
        "size_bytes" integer,
        "labels" text,
        "created_at" datetime_text,
        "updated_at" datetime_text
      );
      CREATE TABLE IF NOT EXISTS "snapshot" (
        "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
        "name" text NOT NULL,
        "sandbox_id" integer,
        "size_bytes" integer,
        "description" text,
        "created_at" datetime_text,
        FOREIGN KEY ("sandbox_id") REFERENCES "sandbox" ("id") ON DELETE SET NULL
      );
      CREATE UNIQUE INDEX IF NOT EXISTS "idx_snapshots_name_sandbox_unique" ON "snapshot" ("name", "sandbox_id");
      CREATE UNIQUE INDEX IF NOT EXISTS "idx_snapshots_name_unique_no_sandbox" ON "snapshot" ("name") WHERE "sandbox_id" IS NULL;
    `);
  },
};
