import { Sandbox } from 'microsandbox';
import type { BulkOptions } from '../commands/bulk-target.ts';
import { succeeded } from '../progress/action-line.ts';
import { CreateDisplay } from '../progress/create-display.ts';
import { forEachTarget } from './bulk.ts';

/** `msb start`: boots stopped sandboxes and leaves them running. */
export function startSandboxes(names: readonly string[], options: BulkOptions): Promise<number> {
  return forEachTarget(names, options, (name) => startDetached(name, options));
}

/** Starts one sandbox in the background; the spinner says what the boot waits for. */
export async function startDetached(name: string, options: BulkOptions): Promise<void> {
  const started = performance.now();
  {
    using display = CreateDisplay.ofBoot(name, options);
    await Sandbox.startDetached(name, { onBootPhase: display.onBoot });
  }
  if (!options.quiet) succeeded('Started', name, performance.now() - started);
}
