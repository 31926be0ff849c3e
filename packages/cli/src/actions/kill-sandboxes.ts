import { Sandbox } from 'microsandbox';
import type { BulkOptions } from '../commands/bulk-target.ts';
import { withSpinner } from '../progress/spinner.ts';
import { forEachTarget } from './bulk.ts';

/** `msb kill`: the same as `msb stop --force`, under the name that users of other tools look for. */
export function killSandboxes(names: readonly string[], options: BulkOptions): Promise<number> {
  const kill = async (name: string): Promise<void> => {
    const handle = await Sandbox.get(name);
    await withSpinner('Killing', 'Killed', name, options, () => handle.kill());
  };
  // A sandbox that goes on running is worth a word even when quiet.
  return forEachTarget(names, options, kill, { loud: true });
}
