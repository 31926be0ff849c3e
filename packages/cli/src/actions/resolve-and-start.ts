import { CustomError } from '@microsandbox/types';
import { Sandbox, type SandboxHandle } from 'microsandbox';
import type { MachineOptions } from '../commands/shared-options.ts';
import { printWarning } from '../errors/notice.ts';
import { warnOfEmulation } from '../errors/warn-emulation.ts';
import { warnOfUnpublished } from '../errors/warn-unpublished.ts';
import { CreateDisplay } from '../progress/create-display.ts';

/** A sandbox that can run commands, and whether this process started it and has to stop it again. */
export interface ReadySandbox {
  readonly sandbox: Sandbox;
  readonly owned: boolean;
}

/** How to start one that does not run. */
interface ReadyOptions extends MachineOptions {
  readonly quiet?: boolean | undefined;
}

/** Connects to a sandbox that runs, and starts one that does not (spec: cli 6.2). */
export async function resolveAndStart(handle: SandboxHandle, options: ReadyOptions): Promise<ReadySandbox> {
  switch (handle.status) {
    case 'running':
    case 'draining':
      return { sandbox: await handle.connect(), owned: false };
    case 'stopped':
    case 'crashed': {
      const sandbox = await startAttached(handle.name, options);
      await warnOfEmulation(sandbox, options);
      await warnOfUnpublished(sandbox);
      return { sandbox, owned: true };
    }
    default:
      throw new CustomError(
        `sandbox '${handle.name}' is in state ${capitalised(handle.status)} and cannot be started`,
      );
  }
}

async function startAttached(name: string, options: ReadyOptions): Promise<Sandbox> {
  using display = CreateDisplay.ofBoot(name, options);
  const { vmm, accel } = options;
  return await Sandbox.start(name, { vmm, accel, onBootPhase: display.onBoot });
}

/** Stops what this process started; a failure is only a warning, since the command has had its say. */
export async function stopOwned({ sandbox, owned }: ReadySandbox): Promise<void> {
  if (!owned) return;
  try {
    await sandbox.stop();
  } catch (error) {
    printWarning(`failed to stop sandbox: ${(error as Error).message}`);
  }
}

function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
