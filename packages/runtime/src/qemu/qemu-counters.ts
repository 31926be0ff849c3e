import type { VmCounters } from '@microsandbox/types';
import type { QmpClient } from './qmp-client.ts';

/**
 * Asks QEMU for its processors' threads and for what its disks did. The block layer counts the guest's requests,
 * whether the host's page cache has them or not; `/proc/<pid>/io` would count only what missed it.
 */
export async function qemuCounters(monitor: QmpClient): Promise<VmCounters> {
  const [processors, disks] = await Promise.all([
    monitor.execute('query-cpus-fast'),
    monitor.execute('query-blockstats'),
  ]);
  const threads = items(processors).map((processor) => count(processor['thread-id']));
  const statistics = items(disks).map(({ stats }) => (stats ?? {}) as Record<string, unknown>);
  return {
    vcpuThreadIds: [...new Set(threads.filter((id) => id > 0))],
    diskReadBytes: sum(statistics.map(({ rd_bytes }) => count(rd_bytes))),
    diskWriteBytes: sum(statistics.map(({ wr_bytes }) => count(wr_bytes))),
  };
}

function items(value: unknown): Record<string, unknown>[] {
  if (!Array.isArray(value)) return [];
  return value.filter((item) => typeof item === 'object' && item !== null);
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
