import type { MetricsReport } from 'microsandbox';
import { jsonTimestamp } from '../output/timestamp.ts';

/** One sandbox in `msb metrics --format json`, and a line of `--follow` (spec: cli 6.13), keys in order. */
export function metricsJson({
  name,
  state,
  cpus,
  metrics,
}: MetricsReport): Readonly<Record<string, unknown>> {
  return {
    cpu_percent: metrics.cpuPercent,
    cpus,
    disk_read_bytes: metrics.diskReadBytes,
    disk_write_bytes: metrics.diskWriteBytes,
    memory_available_bytes: metrics.memoryAvailableBytes,
    memory_bytes: metrics.memoryBytes,
    memory_host_resident_bytes: metrics.memoryHostResidentBytes,
    memory_limit_bytes: metrics.memoryLimitBytes,
    name,
    net_rx_bytes: metrics.netRxBytes,
    net_tx_bytes: metrics.netTxBytes,
    state,
    timestamp: jsonTimestamp(metrics.timestamp),
    upper_free_bytes: metrics.upperFreeBytes,
    upper_host_allocated_bytes: metrics.upperHostAllocatedBytes,
    upper_used_bytes: metrics.upperUsedBytes,
    uptime_secs: metrics.uptimeMs / 1000,
    vcpu_time_ns: metrics.vcpuTimeNs,
  };
}
