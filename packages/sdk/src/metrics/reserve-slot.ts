import { addon } from '@microsandbox/native';
import type { HostConfig, LaunchConfig, SandboxConfigRecord } from '@microsandbox/types';
import type { SandboxTarget } from '../lifecycle/sandbox-place.ts';
import { registryName } from './registry-name.ts';

const MIB = 1024 * 1024;

/** A slot of the registry, as the sandbox process gets it. */
export type ReservedSlot = NonNullable<LaunchConfig['metrics']['slot']>;

/**
 * Reserves the slot in which a sandbox will publish its samples. Null when it takes none; also when there is no
 * slot to be had, with a warning: the sandbox runs without them.
 */
export async function reserveMetricsSlot(
  target: SandboxTarget,
  config: SandboxConfigRecord,
  host: HostConfig,
): Promise<ReservedSlot | null> {
  const { disable_metrics_sample, metrics_sample_interval_ms: intervalMs } = config.runtime;
  if (disable_metrics_sample || intervalMs === null || intervalMs <= 0) return null;
  const registry = registryName(target.layout.home);
  try {
    const ticket = await addon().reserveMetricsSlot({
      registry,
      capacity: host.metrics.capacity,
      sandboxId: target.id,
      name: target.name,
      memoryLimitBytes: config.resources.memory_mib * MIB,
    });
    if (ticket !== null) return { shm_name: registry, ...ticket };
    process.emitWarning(`no metrics for sandbox '${target.name}': all slots are in use`);
  } catch (error) {
    process.emitWarning(`no metrics for sandbox '${target.name}': ${(error as Error).message}`);
  }
  return null;
}

/** Gives back the slot of a start that failed; one that was used meanwhile is left alone. */
export function cancelMetricsSlot(reserved: ReservedSlot | null): void {
  if (reserved === null) return;
  try {
    addon().openMetricsSlot(reserved.shm_name, reserved.slot, reserved.generation).cancel();
  } catch {
    // The registry is gone, and the slot with it.
  }
}
