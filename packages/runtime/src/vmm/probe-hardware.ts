import type { Accelerator, VmObstacle } from '@microsandbox/types';
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
  const identity = await kvmIdentity();
  const obstacle = await cachedProbe(options.cacheDir, 'hardware', identity, async () =>
    hardwareObstacle(await hardwareFacts()),
  );
  return obstacle === null ? { usable: ['kvm', 'tcg'], obstacle } : { usable: ['tcg'], obstacle };
}
