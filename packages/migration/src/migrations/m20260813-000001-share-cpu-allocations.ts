import type { Migration } from '../migration.ts';

/** Host CPUs may be shared: the key becomes the virtual CPU instead of the host's. */
export const shareCpuAllocations: Migration = {
  name: 'm20260813_000001_share_cpu_allocations',
  up(db) {
    db.exec(`
      DROP INDEX IF EXISTS idx_cpu_allocation_cpu_vcpu;
      ALTER TABLE cpu_allocation_cpu RENAME TO cpu_allocation_cpu_previous;
      CREATE TABLE cpu_allocation_cpu (
        allocation_id TEXT NOT NULL,
        vcpu_index INTEGER NOT NULL,
        logical_cpu INTEGER NOT NULL,
        role TEXT NOT NULL,
        PRIMARY KEY (allocation_id, vcpu_index),
        FOREIGN KEY (allocation_id) REFERENCES cpu_allocation(id) ON DELETE CASCADE
      );
      INSERT INTO cpu_allocation_cpu (allocation_id, vcpu_index, logical_cpu, role)
        SELECT allocation_id, vcpu_index, logical_cpu, 'assigned'
        FROM cpu_allocation_cpu_previous WHERE vcpu_index IS NOT NULL;
      DROP TABLE cpu_allocation_cpu_previous;
      CREATE INDEX idx_cpu_allocation_cpu_logical ON cpu_allocation_cpu(logical_cpu);
    `);
  },
};
