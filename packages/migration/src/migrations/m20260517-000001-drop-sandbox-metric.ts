import type { Migration } from '../migration.ts';

/** Metrics moved to shared memory. */
export const dropSandboxMetric: Migration = {
  name: 'm20260517_000001_drop_sandbox_metric',
  up(db) {
    db.exec(`
      DROP TABLE IF EXISTS "sandbox_metric";
    `);
  },
};
