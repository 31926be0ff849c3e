import { sandboxById } from '@microsandbox/db';
import { isProcessAlive } from '@microsandbox/utils';
import { currentBackend } from '../backend/current-backend.ts';
import type { MetricsSlot } from './metrics-slot.ts';
import { readRegistry } from './read-registry.ts';
import { metricsOf, type SandboxMetrics } from './sandbox-metrics.ts';

/** A sample older than this, or than three intervals, has stalled. */
const STALLED_AFTER_MS = 3000;
const STALLED_AFTER_INTERVALS = 3;
const DEFAULT_INTERVAL_MS = 1000;

/** Whether samples still come: `stalled` when they are late, `exited` when the run is over. */
export type MetricsReportState = 'running' | 'stalled' | 'exited';

/** The last sample of a sandbox's latest run. */
export interface MetricsReport {
  readonly name: string;
  /** Run that the counters belong to; another run starts at zero. */
  readonly runId: number;
  readonly state: MetricsReportState;
  /** Processors of the machine; null when the configuration does not say. */
  readonly cpus: number | null;
  /** How old the sample is, in milliseconds. */
  readonly sampleAgeMs: number;
  readonly metrics: SandboxMetrics;
}

/**
 * One report for each sandbox of the catalog that has ever been sampled, by name (spec: state 20). Other than
 * {@link allSandboxMetrics} it also tells of runs that are over, until their slot is taken by another.
 *
 * @throws UnsupportedError when the backend is not this machine
 */
export async function sandboxMetricsReports(): Promise<MetricsReport[]> {
  const backend = currentBackend().local('sandbox_metrics_reports');
  const { home } = await backend.layout();
  const latest = new Map<number, { readonly slot: MetricsSlot; readonly active: boolean }>();
  for (const slot of (await readRegistry(home)) ?? []) {
    const active = slot.state === 'active' && (await isProcessAlive(slot.pid));
    const known = latest.get(slot.sandboxId);
    if (known === undefined || beats({ slot, active }, known)) latest.set(slot.sandboxId, { slot, active });
  }
  if (latest.size === 0) return [];
  const reports = await backend.reading((catalog) =>
    catalog.read((db) =>
      [...latest.values()].flatMap(({ slot, active }) => {
        const row = sandboxById(db, slot.sandboxId);
        if (row === null || row.name !== slot.name) return [];
        return [reportOf(slot, active, row.active_config ?? row.config)];
      }),
    ),
  );
  return reports.sort((left, right) => (left.name < right.name ? -1 : 1));
}

/** A live slot says more than one left behind; among equals the newer sample counts. */
function beats(
  one: { readonly slot: MetricsSlot; readonly active: boolean },
  other: { readonly slot: MetricsSlot; readonly active: boolean },
): boolean {
  if (one.active !== other.active) return one.active;
  return one.slot.sampledAtMs > other.slot.sampledAtMs;
}

function reportOf(slot: MetricsSlot, active: boolean, configJson: string): MetricsReport {
  const { resources, runtime } = parsed(configJson);
  const sampleAgeMs = Math.max(0, Date.now() - slot.sampledAtMs);
  const intervalMs = runtime?.metrics_sample_interval_ms ?? DEFAULT_INTERVAL_MS;
  const late = sampleAgeMs > Math.max(STALLED_AFTER_INTERVALS * intervalMs, STALLED_AFTER_MS);
  return {
    name: slot.name,
    runId: slot.runId,
    state: active ? (late ? 'stalled' : 'running') : 'exited',
    cpus: resources?.cpus ?? null,
    sampleAgeMs,
    metrics: metricsOf(slot),
  };
}

/** What a report needs of a stored configuration; an unreadable one says nothing. */
interface StoredNumbers {
  readonly resources?: { readonly cpus?: number };
  readonly runtime?: { readonly metrics_sample_interval_ms?: number | null };
}

function parsed(json: string): StoredNumbers {
  try {
    return (JSON.parse(json) ?? {}) as StoredNumbers;
  } catch {
    return {};
  }
}
