import { CustomError } from '@microsandbox/types';
import { Sandbox } from 'microsandbox';
import type { StopOptions } from '../commands/stop.ts';
import { withSpinner } from '../progress/spinner.ts';
import { forEachTarget } from './bulk.ts';
import { machineIsUp } from './machine-is-up.ts';
import { startDetached } from './start-sandboxes.ts';
import { stopHandle } from './stop-sandboxes.ts';

/** `msb restart`: stops what runs, then starts it. */
export function restartSandboxes(names: readonly string[], options: StopOptions): Promise<number> {
  return forEachTarget(names, options, async (name) => {
    const handle = await Sandbox.get(name);
    if (handle.status === 'starting') throw new CustomError(`sandbox '${name}' is already starting`);
    if (machineIsUp(handle) || handle.status === 'paused') {
      await withSpinner('Stopping', 'Stopped', name, options, () => stopHandle(handle, options));
    }
    await startDetached(name, options);
  });
}
