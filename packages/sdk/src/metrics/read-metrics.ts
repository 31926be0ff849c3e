import { activeRun, sandboxById } from '@microsandbox/db';
import { CustomError, MetricsDisabledError } from '@microsandbox/types';
import { isProcessAlive } from '@microsandbox/utils';
import { currentBackend } from '../backend/current-backend.ts';
import { sandboxNotFound } from '../lifecycle/find-sandbox.ts';
import type { SandboxTarget } from '../lifecycle/sandbox-place.ts';
import { readRegistry } from './read-registry.ts';
import { metricsOf, type SandboxMetrics } from './sandbox-metrics.ts';

const MIB = 1024 * 1024;

/**
 * The last sample of a running sandbox.
 *
 * @throws MetricsDisabledError when it takes none
 * @throws CustomError when it does not run, or there is no sample of it
 */
export async function readMetrics(target: SandboxTarget, disabled: boolean): Promise<SandboxMetrics> {
  if (disabled) throw metricsDisabled(target);
  const { backend, id, layout } = target;
  const { row, run } = await backend.reading((catalog) =>
    catalog.read((db) => ({ row: sandboxById(db, id), run: activeRun(db, id) })),
  );
  if (row === null) throw sandboxNotFound(target.name);
  if (run === null) throw new CustomError(`sandbox ${id} is not running; metrics are unavailable`);
  const slots = await readRegistry(layout.home);
  if (slots === null) {
    throw new CustomError(`sandbox ${id} has no live metrics slot (registry unavailable)`);
  }
  const slot = slots.find(({ state, runId }) => state === 'active' && runId === run.id);
  if (slot === undefined) throw new CustomError(`sandbox ${id} has no live metrics slot`);
  return metricsOf(slot, memoryLimitOf(row.active_config ?? row.config));
}

/** Samples of all running sandboxes, by name; empty when nobody takes any. */
export async function allSandboxMetrics(): Promise<Record<string, SandboxMetrics>> {
  const backend = currentBackend().local('all_sandbox_metrics');
  const { home } = await backend.layout();
  const slots = (await readRegistry(home)) ?? [];
  const metrics: Record<string, SandboxMetrics> = {};
  for (const slot of slots) {
    if (slot.state === 'active' && (await isProcessAlive(slot.pid))) metrics[slot.name] = metricsOf(slot);
  }
  return metrics;
}

/** Whether a stored configuration takes no samples. */
export function takesNoSamples(configJson: string): boolean {
  const { runtime } = parsed(configJson) as {
    runtime?: { disable_metrics_sample?: boolean; metrics_sample_interval_ms?: number | null };
  };
  return runtime?.disable_metrics_sample === true || runtime?.metrics_sample_interval_ms === null;
}

export function metricsDisabled({ name }: { readonly name: string }): MetricsDisabledError {
  return new MetricsDisabledError(`metrics disabled for sandbox: ${name}`);
}

function memoryLimitOf(configJson: string): number {
  const { resources } = parsed(configJson) as { resources?: { memory_mib?: number } };
  return (resources?.memory_mib ?? 0) * MIB;
}

/** A stored configuration, for looking at a key or two; an unreadable one says nothing. */
function parsed(json: string): object {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
