import { writeFile } from 'node:fs/promises';
import {
  MicrosandboxError,
  type VmCapabilities,
  type VmDriver,
  type VmLaunchOptions,
  type VmProbeOptions,
  type VmProcess,
  type VmSpec,
} from '@microsandbox/types';
import { fileIdentity } from '../files/file-identity.ts';
import { canShare } from '../vmm/can-share.ts';
import { MachineEnded } from '../vmm/machine-ended.ts';
import { cachedProbe } from '../vmm/probe-cache.ts';
import { probeHardware } from '../vmm/probe-hardware.ts';
import { findQemu } from './find-qemu.ts';
import { type QemuProcess, spawnQemu } from './qemu-process.ts';
import {
  formatQemuVersion,
  isAtLeast,
  OLDEST_QEMU,
  type QemuVersion,
  queryQemuVersion,
} from './qemu-version.ts';

/** Runs machines with `qemu-system-*`: with hardware acceleration, or in software on any machine. */
export const qemuDriver = {
  name: 'qemu',

  async probe({ env, cacheDir }: VmProbeOptions): Promise<VmCapabilities> {
    let program: string;
    let version: QemuVersion;
    try {
      program = await findQemu(env);
      version = await cachedProbe(cacheDir, 'qemu', await fileIdentity(program), () =>
        queryQemuVersion(program),
      );
    } catch (error) {
      if (!(error instanceof MicrosandboxError)) throw error;
      const { message, hint = 'set MSB_QEMU_PATH to a working QEMU' } = error;
      return { available: false, evidence: [], reason: message, hint };
    }
    const evidence = [`QEMU ${formatQemuVersion(version)} at ${program}`];
    if (!isAtLeast(version, OLDEST_QEMU)) {
      return {
        available: false,
        evidence,
        reason: `QEMU ${formatQemuVersion(version)} at ${program} is older than ${formatQemuVersion(OLDEST_QEMU)}`,
        hint: 'install a newer QEMU, or set MSB_QEMU_PATH to one',
      };
    }
    const { usable, obstacle } = await probeHardware(cacheDir === undefined ? {} : { cacheDir });
    return {
      available: true,
      accelerators: usable,
      version: formatQemuVersion(version),
      evidence: [...evidence, obstacle?.reason ?? '/dev/kvm makes virtual machines'],
      features: {
        hardware: obstacle === null,
        linux: true,
        resize: false,
        snapshot: true,
        shares: canShare(),
        network: true,
        sockets: true,
      },
    };
  },

  /** Resolves when QEMU answers on its monitor; the guest runs by then. */
  async launch(spec: VmSpec, options: VmLaunchOptions = {}): Promise<VmProcess & QemuProcess> {
    const program = await findQemu(process.env);
    await emptyFile(spec.kernelLogPath);
    options.signal?.throwIfAborted();
    const machine = spawnQemu(program, spec);
    options.onSpawn?.();
    const abort = () => machine.kill();
    options.signal?.addEventListener('abort', abort, { once: true });
    const failed = machine.exited.then((exit) => {
      options.signal?.throwIfAborted();
      const { code, signal, stderrTail } = exit;
      const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
      const words = lastLine(stderrTail) || 'no message';
      throw new MachineEnded(`QEMU ended at its start (${how}): ${words}`, exit);
    });
    try {
      const version = await Promise.race([machine.monitor.ready, failed]);
      failed.catch(() => {});
      return { ...machine, version: formatQemuVersion(version) };
    } catch (error) {
      machine.kill();
      // The monitor closes a moment before the exit is known, and the exit has the better words.
      await failed;
      throw error;
    }
  },
} as const satisfies VmDriver;

async function emptyFile(path: string): Promise<void> {
  await writeFile(path, '', { mode: 0o600 });
}

/** The last line of what QEMU wrote, without its program name and the option it is about. */
function lastLine(text: string): string {
  const line = text.trimEnd().split('\n').at(-1) ?? '';
  return line.replace(/^qemu(-system-\w+)?: /, '').replace(/^-\w+ (\{.*\}|\S+): /, '');
}
