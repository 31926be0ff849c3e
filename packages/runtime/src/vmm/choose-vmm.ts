import type { VmmChoice } from '@microsandbox/types';
import { krunDriver } from '../krun/krun-driver.ts';
import { qemuDriver } from '../qemu/qemu-driver.ts';
import { decideVmm } from './decide-vmm.ts';
import { probeHardware } from './probe-hardware.ts';
import { vmmWishes, type WishSources } from './vmm-wish.ts';

/** Where the wishes stand, and where probes are remembered. */
export interface ChooseVmmOptions extends WishSources {
  readonly cacheDir?: string;
}

/**
 * Decides which driver and accelerator run a sandbox: what was asked for, else the best this machine offers.
 *
 * @throws InvalidConfigError for a value that is none
 * @throws MicrosandboxError `unsupported` for one that cannot be had here, `vmmNotFound` without a usable monitor
 */
export async function chooseVmm(options: ChooseVmmOptions): Promise<VmmChoice> {
  const wishes = vmmWishes(options);
  const [hardware, krun] = await Promise.all([probeHardware(options), krunDriver.probe(options)]);
  return await decideVmm(wishes, { hardware, krun, qemu: () => qemuDriver.probe(options) });
}
