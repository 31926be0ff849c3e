import { Sandbox, type SandboxRemoval } from 'microsandbox';
import type { RemoveOptions } from '../commands/remove.ts';
import { paintErr } from '../output/colour.ts';
import { succeeded } from '../progress/action-line.ts';
import { Spinner, withSpinner } from '../progress/spinner.ts';
import { forEachTarget } from './bulk.ts';

/** `msb rm`: removes stopped sandboxes; with `--force`, whatever there is of one, in any state. */
export function removeSandboxes(names: readonly string[], options: RemoveOptions): Promise<number> {
  return forEachTarget(names, options, async (name) => {
    if (options.force) await forceRemove(name, options);
    else await withSpinner('Removing', 'Removed', name, options, () => Sandbox.remove(name));
  });
}

async function forceRemove(name: string, options: RemoveOptions): Promise<void> {
  let removal: SandboxRemoval;
  {
    using _spinner = new Spinner('Removing', name, options);
    removal = await Sandbox.forceRemove(name);
  }
  if (options.quiet) return;
  const remark = remarkOn(removal);
  succeeded('Removed', remark === null ? name : `${name}${paintErr('dim', ` (${remark})`)}`);
}

/** What was out of the ordinary about a removed sandbox. */
function remarkOn({ killed, record, folder }: SandboxRemoval): string | null {
  if (!record) return 'a folder without a record';
  if (!folder) return 'a record without a folder';
  return killed ? 'it was running' : null;
}
