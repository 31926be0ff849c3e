import {
  type Accelerator,
  InvalidConfigError,
  MicrosandboxError,
  type VmCapabilities,
  type VmmChoice,
  type VmObstacle,
} from '@microsandbox/types';
import type { HardwareProbe } from './probe-hardware.ts';
import type { VmmWishes } from './vmm-wish.ts';

/** What a decision stands on. QEMU is asked only when it comes to it. */
export interface VmmProbes {
  readonly hardware: HardwareProbe;
  readonly krun: VmCapabilities;
  readonly qemu: () => Promise<VmCapabilities>;
}

/**
 * The decision as a function of the wishes and of what the host offers: libkrun on hardware, else QEMU on hardware,
 * else QEMU in software. What was asked for is had or refused with the probe's reason, never replaced.
 *
 * @throws MicrosandboxError `unsupported` for a wish that cannot be had; `vmmNotFound` without a usable QEMU
 */
export async function decideVmm(wishes: VmmWishes, probes: VmmProbes): Promise<VmmChoice> {
  const { vmm, accel } = wishes;
  if (vmm?.value === 'krun') return forcedKrun(wishes, probes);
  const { usable, obstacle } = probes.hardware;
  if (accel !== null && !usable.includes(accel.value)) throw cannotBeHad(accel, obstacle);
  const accelerator = accel?.value ?? (usable[0] as Accelerator);
  const reason = [vmm, accel].flatMap((wish) => (wish === null ? [] : [`${wish.from} is ${wish.value}`]));
  if (vmm === null && accelerator !== 'tcg' && probes.krun.available) {
    return { driver: 'krun', accelerator, reason: reason[0] ?? `${accelerator} is usable` };
  }
  const qemu = await probes.qemu();
  if (!qemu.available) throw new MicrosandboxError('vmmNotFound', qemu.reason, { hint: qemu.hint });
  if (accel === null) {
    reason.push(obstacle === null ? `${accelerator} is usable` : `${obstacle.reason}, so software emulation`);
  }
  return { driver: 'qemu', accelerator, reason: reason.join(', ') };
}

function forcedKrun({ vmm, accel }: VmmWishes, { krun }: VmmProbes): VmmChoice {
  const from = vmm?.from ?? 'vmm';
  if (accel?.value === 'tcg') {
    throw new InvalidConfigError(`${from} is krun and ${accel.from} is tcg: libkrun cannot emulate`, {
      hint: 'remove one of them',
    });
  }
  if (!krun.available) {
    throw new MicrosandboxError('unsupported', `${from}: libkrun cannot run here: ${krun.reason}`, {
      hint: `${krun.hint}; QEMU runs without it (vmm qemu)`,
    });
  }
  const accelerator = accel?.value ?? (krun.accelerators[0] as Accelerator);
  if (!krun.accelerators.includes(accelerator)) {
    throw cannotBeHad({ from: accel?.from ?? 'accel', value: accelerator }, null);
  }
  return { driver: 'krun', accelerator, reason: `${from} is krun` };
}

/** Where an accelerator exists at all; no obstacle of another one explains why it cannot be had elsewhere. */
const PLATFORM_OF: Partial<Record<Accelerator, readonly [NodeJS.Platform, string]>> = {
  kvm: ['linux', 'Linux'],
  hvf: ['darwin', 'macOS'],
};

function cannotBeHad(
  { from, value }: { readonly from: string; readonly value: Accelerator },
  obstacle: VmObstacle | null,
): MicrosandboxError {
  const [platform, name] = PLATFORM_OF[value] ?? [process.platform];
  if (platform !== process.platform) {
    return new MicrosandboxError(
      'unsupported',
      `${from}: ${value} cannot be had here: it exists on ${name} only`,
      {
        hint: 'remove the setting, or set it to tcg for software emulation',
      },
    );
  }
  return new MicrosandboxError(
    'unsupported',
    `${from}: ${value} cannot be had here: ${obstacle?.reason ?? 'not on this platform'}`,
    { hint: obstacle?.hint ?? 'remove the setting, or set it to tcg for software emulation' },
  );
}
