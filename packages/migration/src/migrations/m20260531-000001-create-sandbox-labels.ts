import type { Migration } from '../migration.ts';

/** Labels of the stored configurations, made searchable. */
export const createSandboxLabels: Migration = {
  name: 'm20260531_000001_create_sandbox_labels',
  up(db) {
    db.exec(`
      CREATE TABLE IF NOT EXISTS "sandbox_labels" (
        "sandbox_id" integer NOT NULL,
        "key" text NOT NULL,
        "value" text NOT NULL,
        PRIMARY KEY ("sandbox_id", "key"),
        FOREIGN KEY ("sandbox_id") REFERENCES "sandbox" ("id") ON DELETE CASCADE
      );
      CREATE INDEX IF NOT EXISTS "idx_sandbox_labels_sandbox_id" ON "sandbox_labels" ("sandbox_id");
    `);
  },
};
