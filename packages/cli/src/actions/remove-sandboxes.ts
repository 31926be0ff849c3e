import { Sandbox } from 'microsandbox';
import type { RemoveOptions } from '../commands/remove.ts';
import { withSpinner } from '../progress/spinner.ts';
import { forEachTarget } from './bulk.ts';

/** `msb rm`: removes stopped sandboxes; with `--force`, whatever there is of one, in any state. */
export function removeSandboxes(names: readonly string[], options: RemoveOptions): Promise<number> {
  return forEachTarget(names, options, async (name) => {
    await withSpinner('Removing', 'Removed', name, options, async () => {
      if (options.force) await Sandbox.forceRemove(name);
      else await Sandbox.remove(name);
    });
  });
}
