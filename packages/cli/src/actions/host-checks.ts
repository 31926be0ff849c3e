import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { agentdPath } from '@microsandbox/native';
import { type HostConfig, MicrosandboxError } from '@microsandbox/types';
import { DEFAULT_HOST_CONFIG, hostConfigPath, loadHostConfig } from '@microsandbox/utils';
import { LocalBackend } from 'microsandbox';

/** One thing that a boot needs, and how it is here. */
export interface HostCheck {
  readonly name: string;
  /** `warning`: sandboxes boot all the same. */
  readonly status: 'ok' | 'warning' | 'error';
  readonly value: string;
  /** The way out. */
  readonly hint?: string;
}

/** Checks everything that a boot needs; leaves nothing behind. */
export async function checkHost(env: NodeJS.ProcessEnv): Promise<HostCheck[]> {
  const { check, config } = await checkConfig(env);
  return [
    check,
    await checked('kernel', () => findKernel(env, config)),
    await checked('agent', async () => agentdPath()),
    ...(await checkMachine(env, config)),
  ];
}

async function checkConfig(
  env: NodeJS.ProcessEnv,
): Promise<{ readonly check: HostCheck; readonly config: HostConfig }> {
  let config = DEFAULT_HOST_CONFIG;
  const check = await checked('config', async () => {
    config = await loadHostConfig(env);
    return hostConfigPath(env);
  });
  return { check, config };
}

/** Also unpacks the kernel, into a folder that goes away again. */
async function findKernel(env: NodeJS.ProcessEnv, config: HostConfig): Promise<string> {
  const { resolveKernel } = await import('@microsandbox/runtime');
  const { libDir } = await new LocalBackend({ env, config }).layout();
  const cacheDir = await mkdtemp(join(tmpdir(), 'msb-doctor-'));
  try {
    const { libkrunfwPath } = await resolveKernel({ layout: { libDir, cacheDir }, config, env });
    return libkrunfwPath;
  } finally {
    await rm(cacheDir, { recursive: true, force: true });
  }
}

async function checkMachine(env: NodeJS.ProcessEnv, config: HostConfig): Promise<HostCheck[]> {
  const { chooseVmm, qemuDriver } = await import('@microsandbox/runtime');
  const qemu = await qemuDriver.probe({ env });
  const monitor: HostCheck = qemu.available
    ? { name: 'QEMU', status: 'ok', value: qemu.version }
    : {
        name: 'QEMU',
        status: 'error',
        value: qemu.reason,
        ...(qemu.hint !== undefined && { hint: qemu.hint }),
      };
  const acceleration = await checked('acceleration', async () => {
    const { accelerator, reason } = await chooseVmm({ env, config });
    return `${accelerator}: ${reason}`;
  });
  return [monitor, acceleration.value.startsWith('tcg') ? withEmulationHint(acceleration) : acceleration];
}

function withEmulationHint(check: HostCheck): HostCheck {
  return {
    ...check,
    status: 'warning',
    hint: 'sandboxes boot and run, but slowly; with /dev/kvm readable and writable they would be fast',
  };
}

async function checked(name: string, find: () => Promise<string>): Promise<HostCheck> {
  try {
    return { name, status: 'ok', value: await find() };
  } catch (error) {
    if (!(error instanceof MicrosandboxError)) throw error;
    return {
      name,
      status: 'error',
      value: error.message,
      ...(error.hint !== undefined && { hint: error.hint }),
    };
  }
}
