import type { Accelerator, LaunchConfig } from '@microsandbox/types';

const NORMAL_MS = 2000;
/** An init that took over gets 5 s to stop its services, and 3 s more for the agent. */
const HANDOFF_MS = 8000;
/** Emulated guests need longer to write back; the machine's own end cuts the wait short. */
const EMULATED_FACTOR = 2;

/**
 * Milliseconds a guest gets between its shutdown request and its forced end (protocol section 19.4).
 * `MSB_SHUTDOWN_FLUSH_TIMEOUT_MS` overrides.
 */
export function flushWindowMs(
  launch: Pick<LaunchConfig, 'init_path' | 'bootstrap'>,
  accelerator: Accelerator,
  env: NodeJS.ProcessEnv,
): number {
  const override = env['MSB_SHUTDOWN_FLUSH_TIMEOUT_MS'];
  if (override !== undefined && /^\d{1,9}$/.test(override)) return Number(override);
  const handoff = Boolean(launch.init_path) || launch.bootstrap.handoff_init !== undefined;
  return (handoff ? HANDOFF_MS : NORMAL_MS) * (accelerator === 'tcg' ? EMULATED_FACTOR : 1);
}
