import { addon } from '@microsandbox/native';
import type { LaunchConfig, VmProcess } from '@microsandbox/types';
import type { GuestReport } from './guest-report.ts';
import { MetricsSampler, type NetworkCounters } from './metrics-sampler.ts';

const MIB = 1024 * 1024;

/** What {@link startMetrics} works with. */
export interface StartMetricsOptions {
  readonly launch: Pick<LaunchConfig, 'metrics' | 'rootfs'>;
  readonly runId: number;
  readonly machine: VmProcess;
  readonly guest: GuestReport;
  readonly cpus: number;
  readonly memoryMib: number;
  /** Asked at each sample. */
  readonly networkCounters: () => NetworkCounters;
}

/**
 * Takes over the slot that was reserved for this run and starts to publish samples in it. Null when the sandbox
 * takes none, or the slot went to somebody else meanwhile.
 *
 * @throws NixError when there is no such slot
 */
export function startMetrics(options: StartMetricsOptions): MetricsSampler | null {
  const { launch, runId, machine, guest, cpus, memoryMib, networkCounters } = options;
  const { slot: ticket, disabled, sample_interval_ms: intervalMs } = launch.metrics;
  if (disabled || intervalMs <= 0 || !ticket) return null;
  const slot = addon().openMetricsSlot(ticket.shm_name, ticket.slot, ticket.generation);
  const startedAtMs = Math.round(performance.timeOrigin);
  if (!slot.activate(runId, process.pid, startedAtMs)) return null;
  const sampler = new MetricsSampler({
    slot,
    machine,
    guest,
    intervalMs,
    cpus,
    memoryLimitBytes: memoryMib * MIB,
    upperDisk: writableDisk(launch.rootfs),
    networkCounters,
  });
  sampler.start();
  return sampler;
}

/** The disk that takes what the guest writes to its root: a layer above the image, or the root itself. */
function writableDisk({ disk, disk_format, disk_readonly, upper }: LaunchConfig['rootfs']): string | null {
  if (upper) return upper;
  return disk && !disk_readonly && disk_format !== 'vmdk' ? disk : null;
}
