import type { KrunMachine } from '@microsandbox/native';
import type { VmSpec } from '@microsandbox/types';

/** Numbers, in the machine's process, of the sockets that stand for the machine's channels. */
export interface KrunDescriptors {
  readonly ports: ReadonlyMap<string, number>;
  readonly network?: number;
  readonly serial?: number;
}

/** The machine as libkrun takes it. `readable` are files and folders that its disks refer to. */
export function krunMachine(
  spec: VmSpec,
  descriptors: KrunDescriptors,
  readable: readonly string[],
): KrunMachine {
  return {
    cpus: spec.cpus,
    memoryMib: spec.memoryMib,
    kernelPath: spec.kernelPath,
    initramfsPath: spec.initramfsPath,
    commandLine: spec.commandLine.join(' '),
    disks: spec.disks,
    ports: [...descriptors.ports].map(([name, fd]) => ({ name, fd })),
    ...(spec.network &&
      descriptors.network !== undefined && {
        network: { fd: descriptors.network, mac: parseMac(spec.network.mac) },
      }),
    kernelLogPath: spec.kernelLogPath,
    ...(descriptors.serial !== undefined && { serialFd: descriptors.serial }),
    readable,
  };
}

function parseMac(text: string): number[] {
  return text.split(':').map((byte) => Number.parseInt(byte, 16));
}
