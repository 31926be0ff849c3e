import type { Migration } from '../migration.ts';

/** Host CPUs given to runs, each to one at most; step 23 lets runs share them. */
export const createCpuAllocations: Migration = {
  name: 'm20260719_000001_create_cpu_allocations',
  up(db) {
    db.exec(`
      CREATE TABLE IF NOT EXISTS "cpu_allocation" (
        "id" text NOT NULL PRIMARY KEY,
        "run_id" integer NOT NULL UNIQUE,
        "requested_policy" text NOT NULL,
        "resolved_policy" text NOT NULL,
        "enforcement" text NOT NULL,
        "topology_fingerprint" text NOT NULL,
        "lease_name" text NOT NULL UNIQUE,
        "state" text NOT NULL,
        "created_at" datetime_text NOT NULL,
        FOREIGN KEY ("run_id") REFERENCES "run" ("id") ON DELETE CASCADE
      );
      CREATE TABLE IF NOT EXISTS "cpu_allocation_cpu" (
        "logical_cpu" integer NOT NULL PRIMARY KEY,
        "allocation_id" text NOT NULL,
        "vcpu_index" integer,
        "role" text NOT NULL,
        FOREIGN KEY ("allocation_id") REFERENCES "cpu_allocation" ("id") ON DELETE CASCADE
      );
      CREATE UNIQUE INDEX IF NOT EXISTS "idx_cpu_allocation_cpu_vcpu" ON "cpu_allocation_cpu" ("allocation_id", "vcpu_index");
    `);
  },
};
