import type { Migration } from '../migration.ts';

/** Shares of the host's dirty page budget. */
export const createWritebackAllocations: Migration = {
  name: 'm20260803_000001_create_writeback_allocations',
  up(db) {
    db.exec(`
      CREATE TABLE IF NOT EXISTS "writeback_allocation" (
        "id" text NOT NULL PRIMARY KEY,
        "run_id" integer NOT NULL UNIQUE,
        "lease_name" text NOT NULL UNIQUE,
        "per_disk_limit_bytes" integer NOT NULL,
        "disk_count" integer NOT NULL,
        "reserved_bytes" integer NOT NULL,
        "pool_bytes" integer NOT NULL,
        "boot_id" text NOT NULL,
        "backing_devices" text NOT NULL,
        "created_at" datetime_text NOT NULL
      );
    `);
  },
};
