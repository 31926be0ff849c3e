import { closeSync } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import { RuntimeError, type VmLaunchOptions, type VmProcess, type VmSpec } from '@microsandbox/types';
import { sleep } from '@microsandbox/utils';
import { spawnQemu } from '../qemu/qemu-process.ts';
import { migrate } from './await-migration.ts';
import { fillToClass } from './layout-class.ts';
import { templateAccess } from './template-access.ts';
import type { FoundTemplate } from './template-store.ts';

/** A state of a few hundred KiB loads in milliseconds; this is for a machine that is much too busy. */
const LOAD_TIMEOUT_MS = 60_000;

const STATE = 'state';

/**
 * Starts a machine from a template: its memory is the template's, copied page by page when the guest writes, and
 * its devices are its own. Resolves when the guest runs.
 *
 * @throws RuntimeError when the template cannot be loaded
 */
export async function wakeMachine(
  program: string,
  spec: VmSpec,
  template: FoundTemplate,
  options: VmLaunchOptions = {},
): Promise<VmProcess> {
  const { spec: filled, ...filling } = fillToClass(spec);
  await writeFile(spec.kernelLogPath, '', { mode: 0o600 });
  await using state = await open(template.statePath, 'r');
  const { memoryUse, stateUri } = templateAccess(template);
  let stateFd = -1;
  const machine = spawnQemu(program, filled, {
    template: {
      ...filling,
      memory: { path: template.memoryPath, use: memoryUse },
      incoming: true,
    },
    files: new Map([[STATE, state.fd]]),
    onDescriptors: (fdOf) => {
      stateFd = fdOf.get(STATE) ?? -1;
    },
  });
  options.onSpawn?.();
  options.signal?.addEventListener('abort', machine.kill, { once: true });
  const { networkSocket, ...rest } = machine;
  if (spec.network === undefined && networkSocket !== undefined) {
    // Nobody is at the other end of an interface that the sandbox does not use; the guest never brings it up.
    void machine.exited.then(() => closeSync(networkSocket));
  }
  const timeout = new AbortController();
  try {
    await Promise.race([
      // Told at once, so that QEMU goes on by itself while this process is busy with its own start.
      migrate(machine.monitor, 'migrate-incoming', stateUri(stateFd)),
      endOf(machine),
      sleep(LOAD_TIMEOUT_MS, { signal: timeout.signal }).then(() => {
        throw new RuntimeError('the template did not load in time');
      }),
    ]);
    return {
      ...rest,
      ...(spec.network && networkSocket !== undefined && { networkSocket }),
      version: template.qemuVersion,
      guestStarted: Promise.resolve(),
    };
  } catch (error) {
    machine.kill();
    await machine.exited;
    options.signal?.throwIfAborted();
    throw error;
  } finally {
    timeout.abort();
  }
}

async function endOf(machine: ReturnType<typeof spawnQemu>): Promise<never> {
  const { code, signal, stderrTail } = await machine.exited;
  throw new RuntimeError(`QEMU ended while loading (${signal ?? `exit code ${code}`}): ${stderrTail.trim()}`);
}
