import type { Migration } from '../migration.ts';

/** Leases of background work (one holder at a time, with an end). */
export const createMaintenanceLease: Migration = {
  name: 'm20260621_000002_create_maintenance_lease',
  up(db) {
    db.exec(`
      CREATE TABLE IF NOT EXISTS "maintenance_lease" (
        "name" text NOT NULL PRIMARY KEY,
        "holder_pid" integer,
        "lease_expires_at" datetime_text NOT NULL,
        "last_completed_at" datetime_text
      );
    `);
  },
};
