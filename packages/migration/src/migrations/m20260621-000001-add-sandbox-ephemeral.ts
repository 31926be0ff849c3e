import { addColumn } from '../add-column.ts';
import type { Migration } from '../migration.ts';

/** Sandboxes that remove themselves. */
export const addSandboxEphemeral: Migration = {
  name: 'm20260621_000001_add_sandbox_ephemeral',
  up(db) {
    addColumn(db, 'sandbox', 'ephemeral', 'boolean NOT NULL DEFAULT FALSE');
    db.exec('CREATE INDEX IF NOT EXISTS "idx_sandbox_ephemeral_status" ON "sandbox" ("ephemeral", "status")');
  },
};
