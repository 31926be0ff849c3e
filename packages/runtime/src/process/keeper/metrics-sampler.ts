import { stat } from 'node:fs/promises';
import type { MetricsSample, MetricsSlotWriter } from '@microsandbox/native';
import type { VmProcess } from '@microsandbox/types';
import type { GuestReport } from './guest-report.ts';
import { CpuMeter } from './metrics-cpu.ts';
import { processorTimeNs, residentBytes, storageBytes } from './metrics-process.ts';

/** What the guest says about itself counts this long at least. */
const MIN_GUEST_AGE_MS = 3000;

/** Bytes that went through a sandbox's network. */
export interface NetworkCounters {
  readonly rxBytes: number;
  readonly txBytes: number;
}

/** What a {@link MetricsSampler} looks at. */
export interface MetricsSamplerOptions {
  readonly slot: MetricsSlotWriter;
  readonly machine: Pick<VmProcess, 'pid' | 'counters'>;
  readonly guest: Pick<GuestReport, 'recent'>;
  readonly intervalMs: number;
  readonly cpus: number;
  readonly memoryLimitBytes: number;
  /** File of the writable disk, or null when the guest writes into its memory. */
  readonly upperDisk: string | null;
  /** Asked at each sample. A sandbox without a network has none. */
  readonly networkCounters: () => NetworkCounters;
}

/**
 * Publishes what a sandbox uses, at once and then every interval (spec: state 20). Samples never overlap: one that
 * takes longer delays the next.
 */
export class MetricsSampler {
  readonly #options: MetricsSamplerOptions;
  readonly #cpu: CpuMeter;
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(options: MetricsSamplerOptions) {
    this.#options = options;
    this.#cpu = new CpuMeter(options.cpus);
  }

  start(): void {
    void this.#tick();
  }

  /** Ends sampling; the last sample stays readable. */
  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#options.slot.release();
  }

  async #tick(): Promise<void> {
    const { slot, intervalMs } = this.#options;
    const dueAt = performance.now() + intervalMs;
    // A machine that ends in the middle has nothing to say any more.
    const sample = await this.#sample().catch(() => null);
    if (this.#stopped || (sample !== null && !slot.write(sample))) return;
    this.#timer = setTimeout(() => void this.#tick(), Math.max(0, dueAt - performance.now()));
    this.#timer.unref();
  }

  async #sample(): Promise<MetricsSample> {
    const { machine, guest, intervalMs, memoryLimitBytes, upperDisk, networkCounters } = this.#options;
    const counters = await machine.counters?.();
    const fromMs = performance.now();
    const vcpuTimeNs = await processorTimeNs(machine.pid, counters?.vcpuThreadIds ?? []);
    const toMs = performance.now();
    const [hostResidentBytes, disk, upper] = await Promise.all([
      residentBytes(machine.pid),
      counters === undefined
        ? storageBytes(machine.pid)
        : { read: counters.diskReadBytes, write: counters.diskWriteBytes },
      upperDisk === null ? null : stat(upperDisk).catch(() => null),
    ]);
    const report = guest.recent(Math.max(3 * intervalMs, MIN_GUEST_AGE_MS));
    const network = networkCounters();
    return {
      sampledAtMs: Date.now(),
      memoryLimitBytes,
      vcpuTimeNs,
      cpuPercent: vcpuTimeNs === undefined ? undefined : this.#cpu.percent({ vcpuTimeNs, fromMs, toMs }),
      hostResidentBytes,
      diskReadBytes: disk.read,
      diskWriteBytes: disk.write,
      netRxBytes: network.rxBytes,
      netTxBytes: network.txBytes,
      // st_blocks counts units of 512 bytes whatever the file system's block size is.
      upperHostAllocatedBytes: upper === null ? undefined : upper.blocks * 512,
      ...(report !== null && guestFigures(report)),
    };
  }
}

type GuestFigures = Pick<
  MetricsSample,
  'memoryUsedBytes' | 'memoryAvailableBytes' | 'upperUsedBytes' | 'upperFreeBytes'
>;

/** What only the guest knows; zeros mean that it does not. */
function guestFigures(
  report: Readonly<Record<'memoryTotal' | 'memoryAvailable' | 'upperUsed' | 'upperFree', bigint>>,
): GuestFigures {
  const { memoryTotal, memoryAvailable, upperUsed, upperFree } = report;
  const used = memoryTotal > memoryAvailable ? memoryTotal - memoryAvailable : 0n;
  return {
    ...(memoryTotal > 0n && {
      memoryUsedBytes: Number(used),
      memoryAvailableBytes: Number(memoryAvailable),
    }),
    ...(upperUsed + upperFree > 0n && {
      upperUsedBytes: Number(upperUsed),
      upperFreeBytes: Number(upperFree),
    }),
  };
}
