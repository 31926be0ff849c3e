import { Sandbox } from 'microsandbox';
import type { StartOptions } from '../commands/start.ts';
import { warnOfEmulation } from '../errors/warn-emulation.ts';
import { warnOfUnpublished } from '../errors/warn-unpublished.ts';
import { succeeded } from '../progress/action-line.ts';
import { CreateDisplay } from '../progress/create-display.ts';
import { forEachTarget } from './bulk.ts';

/** `msb start`: boots stopped sandboxes and leaves them running. */
export function startSandboxes(names: readonly string[], options: StartOptions): Promise<number> {
  return forEachTarget(names, options, (name) => startDetached(name, options));
}

/** Starts one sandbox in the background; the spinner says what the boot waits for. */
export async function startDetached(name: string, options: StartOptions): Promise<void> {
  const started = performance.now();
  const { vmm, accel } = options;
  let sandbox: Sandbox;
  {
    using display = CreateDisplay.ofBoot(name, options);
    sandbox = await Sandbox.startDetached(name, { vmm, accel, onBootPhase: display.onBoot });
  }
  await warnOfEmulation(sandbox, options);
  await warnOfUnpublished(sandbox);
  if (!options.quiet) succeeded('Started', name, performance.now() - started);
}
