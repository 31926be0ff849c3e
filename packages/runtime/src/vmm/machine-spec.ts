import type { Accelerator, VmDisk, VmSpec } from '@microsandbox/types';
import { prepareInitramfs } from '../initramfs/prepare-initramfs.ts';
import { prepareKernel } from '../kernel/prepare-kernel.ts';
import { AGENT_PORT, kernelCommandLine, sharePort, type ThpMode } from './guest-setup.ts';
import { hostTscKhz } from './host-tsc.ts';

/** What a machine is made from. */
export interface MachineOptions {
  readonly name: string;
  readonly cpus: number;
  readonly memoryMib: number;
  readonly accelerator: Accelerator;
  readonly libkrunfwPath: string;
  readonly thp: ThpMode;
  readonly disks: readonly VmDisk[];
  /** Shared folders, each with a port of its own. */
  readonly shares: number;
  /** Hardware address of the network interface; null for a machine without one. */
  readonly mac: string | null;
  readonly kernelLogPath: string;
  readonly cacheDir: string;
}

/** The specification of a guest: kernel and agent from the cache, the rest as asked for. */
export async function machineSpec(options: MachineOptions): Promise<VmSpec> {
  const { cacheDir, accelerator } = options;
  const [tscKhz, kernelPath, initramfsPath] = await Promise.all([
    accelerator === 'tcg' ? hostTscKhz(cacheDir) : null,
    prepareKernel(options.libkrunfwPath, cacheDir),
    prepareInitramfs({ layout: { cacheDir } }),
  ]);
  return {
    name: options.name,
    cpus: options.cpus,
    memoryMib: options.memoryMib,
    kernelPath,
    initramfsPath,
    commandLine: kernelCommandLine({ thp: options.thp, accelerator, tscKhz }),
    disks: options.disks,
    ports: [AGENT_PORT, ...Array.from({ length: options.shares }, (_, index) => sharePort(index))],
    ...(options.mac !== null && { network: { mac: options.mac } }),
    kernelLogPath: options.kernelLogPath,
    accelerator,
  };
}
