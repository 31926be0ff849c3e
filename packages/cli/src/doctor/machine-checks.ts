import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { agentdPath } from '@microsandbox/native';
import type { HostConfig, VmCapabilities } from '@microsandbox/types';
import type { HomeLayout } from '@microsandbox/utils';
import { type HostCheck, required } from './host-check.ts';

/** Where the checks look. */
export interface MachineCheckOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly config: HostConfig;
  readonly layout: HomeLayout;
}

/** Kernel, agent, monitors, and what would run a sandbox now. */
export async function machineChecks(options: MachineCheckOptions): Promise<HostCheck[]> {
  const { env, config } = options;
  const { chooseVmm, krunDriver, probeHardware, qemuDriver } = await import('@microsandbox/runtime');
  const [kernel, { obstacle }, krun, qemu, monitor] = await Promise.all([
    required('kernel', () => findKernel(options)),
    probeHardware(),
    krunDriver.probe({ env }),
    qemuDriver.probe({ env }),
    required('monitor', async () => {
      const { driver, accelerator, reason } = await chooseVmm({ env, config });
      return `${driver} with ${accelerator}: ${reason}`;
    }),
  ]);
  return [
    kernel,
    await required('agent', async () => agentdPath()),
    obstacle === null
      ? { name: 'hardware', status: 'ok', value: 'Linux boots under hardware virtualisation' }
      : { name: 'hardware', status: 'warning', value: obstacle.reason, hint: obstacle.hint },
    driverCheck('libkrun', krun),
    driverCheck('QEMU', qemu),
    monitor,
  ];
}

/** Of two monitors one is enough. */
function driverCheck(name: string, probe: VmCapabilities): HostCheck {
  if (!probe.available) return { name, status: 'warning', value: probe.reason, hint: probe.hint };
  const able = Object.entries(probe.features).flatMap(([feature, has]) => (has ? [feature] : []));
  return { name, status: 'ok', value: `${probe.evidence[0]} (${able.join(', ')})` };
}

/** Also unpacks the kernel, into a folder that goes away again. */
async function findKernel({ env, config, layout }: MachineCheckOptions): Promise<string> {
  const { resolveKernel } = await import('@microsandbox/runtime');
  const cacheDir = await mkdtemp(join(tmpdir(), 'msb-doctor-'));
  try {
    const { libDir } = layout;
    const { libkrunfwPath } = await resolveKernel({ layout: { libDir, cacheDir }, config, env });
    return libkrunfwPath;
  } finally {
    await rm(cacheDir, { recursive: true, force: true });
  }
}
