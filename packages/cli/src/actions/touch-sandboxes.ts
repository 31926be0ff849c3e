import { Sandbox } from 'microsandbox';
import type { BulkOptions } from '../commands/bulk-target.ts';
import { withSpinner } from '../progress/spinner.ts';
import { forEachTarget } from './bulk.ts';

/** `msb touch`: starts the idle timers anew. */
export function touchSandboxes(names: readonly string[], options: BulkOptions): Promise<number> {
  return forEachTarget(names, options, async (name) => {
    const handle = await Sandbox.get(name);
    await withSpinner('Touching', 'Touched', name, options, () => handle.touch());
  });
}
