import type { BootInfo } from './boot-info.ts';
import type { StartedSandbox } from './lifecycle/create-new.ts';
import { publishedPortInfo } from './lifecycle/published-port-info.ts';

/** How a start went, in the parts that callers know. */
export function bootInfoOf({ process, preparedMs }: StartedSandbox): BootInfo {
  const { vmm, boot, ports = [], phasesMs } = process.boot;
  const sum = (...names: string[]): number => names.reduce((total, name) => total + (phasesMs[name] ?? 0), 0);
  return {
    vmm,
    boot: boot.kind,
    bootReason: boot.kind === 'cold' ? boot.reason : null,
    ports: ports.map(publishedPortInfo),
    phasesMs: {
      image: preparedMs.image,
      disks: preparedMs.disks,
      vmmSpawn: sum('vmmSpawn', 'spawn', 'vmm'),
      kernel: sum('kernel'),
      agentReady: sum('agentReady', 'agent', 'ready'),
    },
  };
}
