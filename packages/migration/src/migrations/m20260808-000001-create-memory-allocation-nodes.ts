import type { Migration } from '../migration.ts';

/** Memory of runs by NUMA node. */
export const createMemoryAllocationNodes: Migration = {
  name: 'm20260808_000001_create_memory_allocation_nodes',
  up(db) {
    db.exec(`
      CREATE TABLE IF NOT EXISTS "memory_allocation_node" (
        "allocation_id" text NOT NULL,
        "guest_numa_node" integer NOT NULL,
        "host_numa_node" integer NOT NULL,
        "boot_mib" integer NOT NULL,
        "max_mib" integer NOT NULL,
        PRIMARY KEY ("allocation_id", "guest_numa_node"),
        FOREIGN KEY ("allocation_id") REFERENCES "cpu_allocation" ("id") ON DELETE CASCADE
      );
      CREATE INDEX IF NOT EXISTS "idx_memory_allocation_node_host" ON "memory_allocation_node" ("host_numa_node");
    `);
  },
};
