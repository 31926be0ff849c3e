import type { MetricsSlot } from './metrics-slot.ts';

/** What a sandbox used up to the last sample. Bytes unless the name says otherwise; null was not measured. */
export interface SandboxMetrics {
  /** Of one CPU; up to 100 for each. */
  readonly cpuPercent: number;
  readonly vcpuTimeNs: number;
  readonly memoryBytes: number;
  readonly memoryAvailableBytes: number | null;
  readonly memoryHostResidentBytes: number | null;
  readonly memoryLimitBytes: number;
  readonly diskReadBytes: number;
  readonly diskWriteBytes: number;
  readonly netRxBytes: number;
  readonly netTxBytes: number;
  readonly upperUsedBytes: number | null;
  readonly upperFreeBytes: number | null;
  readonly upperHostAllocatedBytes: number | null;
  readonly uptimeMs: number;
  /** When the sample was taken. */
  readonly timestamp: Date;
}

/** Metrics of a slot; `memoryLimitBytes` of the catalog wins when it is known. */
export function metricsOf(slot: MetricsSlot, memoryLimitBytes = 0): SandboxMetrics {
  return {
    cpuPercent: slot.cpuPercent,
    vcpuTimeNs: slot.vcpuTimeNs,
    memoryBytes: slot.memoryUsedBytes,
    memoryAvailableBytes: slot.memoryAvailableBytes,
    memoryHostResidentBytes: slot.memoryHostResidentBytes,
    memoryLimitBytes: memoryLimitBytes > 0 ? memoryLimitBytes : slot.memoryLimitBytes,
    diskReadBytes: slot.diskReadBytes,
    diskWriteBytes: slot.diskWriteBytes,
    netRxBytes: slot.netRxBytes,
    netTxBytes: slot.netTxBytes,
    upperUsedBytes: slot.upperUsedBytes,
    upperFreeBytes: slot.upperFreeBytes,
    upperHostAllocatedBytes: slot.upperHostAllocatedBytes,
    uptimeMs: slot.sampledAtMs - slot.startedAtMs,
    timestamp: new Date(slot.sampledAtMs),
  };
}
