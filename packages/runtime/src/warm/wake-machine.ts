import { open, writeFile } from 'node:fs/promises';
import { RuntimeError, type VmLaunchOptions, type VmProcess, type VmSpec } from '@microsandbox/types';
import { sleep } from '@microsandbox/utils';
import { spawnQemu } from '../qemu/qemu-process.ts';
import { formatQemuVersion } from '../qemu/qemu-version.ts';
import { migrate } from './await-migration.ts';
import { fillToClass } from './layout-class.ts';
import type { Template } from './template-store.ts';

/** A state of a few hundred KiB loads in milliseconds; this is for a machine that is much too busy. */
const LOAD_TIMEOUT_MS = 20_000;

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
  template: Template,
  options: VmLaunchOptions = {},
): Promise<VmProcess> {
  const { spec: filled, ...filling } = fillToClass(spec);
  await writeFile(spec.kernelLogPath, '', { mode: 0o600 });
  await using state = await open(template.statePath, 'r');
  let stateFd = -1;
  const machine = spawnQemu(program, filled, {
    template: { ...filling, memory: { path: template.memoryPath, use: 'private' }, incoming: true },
    files: new Map([[STATE, state.fd]]),
    onDescriptors: (fdOf) => {
      stateFd = fdOf.get(STATE) ?? -1;
    },
  });
  options.onSpawn?.();
  options.signal?.addEventListener('abort', machine.kill, { once: true });
  // Nobody is at the other end of an interface that the sandbox does not use.
  if (spec.network === undefined) machine.network?.resume();
  const timeout = new AbortController();
  try {
    const version = await Promise.race([
      loadState(machine.monitor, stateFd),
      endOf(machine),
      sleep(LOAD_TIMEOUT_MS, { signal: timeout.signal }).then(() => {
        throw new RuntimeError('the template did not load in time');
      }),
    ]);
    const { network, ...rest } = machine;
    return {
      ...rest,
      ...(spec.network && network && { network }),
      version,
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

async function loadState(monitor: ReturnType<typeof spawnQemu>['monitor'], fd: number): Promise<string> {
  const version = await monitor.ready;
  await migrate(monitor, 'migrate-incoming', `fd:${fd}`);
  await monitor.execute('cont');
  return formatQemuVersion(version);
}

async function endOf(machine: ReturnType<typeof spawnQemu>): Promise<never> {
  const { code, signal, stderrTail } = await machine.exited;
  throw new RuntimeError(`QEMU ended while loading (${signal ?? `exit code ${code}`}): ${stderrTail.trim()}`);
}
