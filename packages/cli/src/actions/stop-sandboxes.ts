import { Sandbox, type SandboxHandle } from 'microsandbox';
import type { StopOptions } from '../commands/stop.ts';
import { withSpinner } from '../progress/spinner.ts';
import { forEachTarget } from './bulk.ts';

/** `msb stop`: asks sandboxes to end, and kills those that do not in time. */
export function stopSandboxes(names: readonly string[], options: StopOptions): Promise<number> {
  const stop = async (name: string): Promise<void> => {
    const handle = await Sandbox.get(name);
    await withSpinner('Stopping', 'Stopped', name, options, () => stopHandle(handle, options));
  };
  // A sandbox that goes on running is worth a word even when quiet.
  return forEachTarget(names, options, stop, { loud: true });
}

/** Stops one sandbox the way the options say; `--force` wins over `--timeout`. */
export function stopHandle(handle: SandboxHandle, { force, timeout }: StopOptions): Promise<void> {
  if (force) return handle.kill();
  return timeout === undefined ? handle.stop() : handle.stopWithTimeout(timeout * 1000);
}
