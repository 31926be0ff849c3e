import type { Accelerator, VmObstacle } from '@microsandbox/types';
import { hypervisorFacts } from '../macos/hypervisor-facts.ts';
import { hypervisorObstacle } from '../macos/hypervisor-obstacle.ts';
import { hardwareFacts, kvmIdentity } from './hardware-facts.ts';
import { hardwareObstacle } from './hardware-obstacle.ts';
import { cachedProbe } from './probe-cache.ts';

/** Hardware acceleration of this host. */
export interface HardwareProbe {
  /** Usable ones, best first; `tcg`, which needs no hardware, is always the last. */
  readonly usable: readonly Accelerator[];
  /** Why the hardware cannot be used; null when it can. */
  readonly obstacle: VmObstacle | null;
}

/** Finds out whether Linux can really run under hardware acceleration here. */
export async function probeHardware(options: { readonly cacheDir?: string } = {}): Promise<HardwareProbe> {
  if (process.platform === 'darwin') return verdict('hvf', hypervisorObstacle(await hypervisorFacts()));
  const identity = await kvmIdentity();
  const obstacle = await cachedProbe(options.cacheDir, 'hardware', identity, async () =>
    hardwareObstacle(await hardwareFacts()),
  );
  return verdict('kvm', obstacle);
}

function verdict(accelerator: 'kvm' | 'hvf', obstacle: VmObstacle | null): HardwareProbe {
  return obstacle === null ? { usable: [accelerator, 'tcg'], obstacle } : { usable: ['tcg'], obstacle };
}
