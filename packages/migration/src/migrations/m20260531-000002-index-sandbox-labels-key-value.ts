import type { Migration } from '../migration.ts';

/** Lists filtered by label. */
export const indexSandboxLabelsKeyValue: Migration = {
  name: 'm20260531_000002_index_sandbox_labels_key_value',
  up(db) {
    db.exec(`
      CREATE INDEX IF NOT EXISTS "idx_sandbox_labels_key_value" ON "sandbox_labels" ("key", "value");
    `);
  },
};
