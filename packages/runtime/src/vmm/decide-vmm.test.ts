import type { Accelerator, VmCapabilities } from '@microsandbox/types';
import { describe, expect, it } from 'vitest';
import { decideVmm, type VmmProbes } from './decide-vmm.ts';
import type { VmmWishes } from './vmm-wish.ts';

const features = {
  hardware: true,
  linux: true,
  resize: false,
  snapshot: false,
  shares: true,
  network: true,
  sockets: true,
};
const able = (...accelerators: Accelerator[]): VmCapabilities => ({
  available: true,
  accelerators,
  version: '1.0.0',
  evidence: [],
  features,
});
const unable: VmCapabilities = { available: false, evidence: [], reason: 'it is away', hint: 'get it' };
const obstacle = { reason: 'no /dev/kvm', hint: 'load it' };

const withHardware: VmmProbes = {
  hardware: { usable: ['kvm', 'tcg'], obstacle: null },
  krun: able('kvm'),
  qemu: async () => able('kvm', 'tcg'),
};
const withoutHardware: VmmProbes = {
  hardware: { usable: ['tcg'], obstacle },
  krun: { available: false, evidence: [], ...obstacle },
  qemu: async () => able('tcg'),
};
const nothing: VmmWishes = { vmm: null, accel: null };
const vmm = (value: 'krun' | 'qemu'): VmmWishes => ({ ...nothing, vmm: { value, from: 'MSB_VMM' } });
const accel = (value: Accelerator): VmmWishes => ({ ...nothing, accel: { value, from: 'MSB_ACCEL' } });

describe('decideVmm', () => {
  it('takes libkrun on hardware, else QEMU on hardware, else QEMU in software', async () => {
    expect(await decideVmm(nothing, withHardware)).toEqual({
      driver: 'krun',
      accelerator: 'kvm',
      reason: 'kvm is usable',
    });
    expect(await decideVmm(nothing, { ...withHardware, krun: unable })).toEqual({
      driver: 'qemu',
      accelerator: 'kvm',
      reason: 'kvm is usable',
    });
    expect(await decideVmm(nothing, withoutHardware)).toEqual({
      driver: 'qemu',
      accelerator: 'tcg',
      reason: 'no /dev/kvm, so software emulation',
    });
  });

  it('does not ask QEMU when libkrun runs the machine', async () => {
    const qemu = () => Promise.reject(new Error('asked'));
    expect((await decideVmm(nothing, { ...withHardware, qemu })).driver).toBe('krun');
    await expect(decideVmm(vmm('qemu'), { ...withHardware, qemu })).rejects.toThrow('asked');
  });

  it('honours a wish', async () => {
    expect(await decideVmm(vmm('qemu'), withHardware)).toMatchObject({ driver: 'qemu', accelerator: 'kvm' });
    expect(await decideVmm(accel('tcg'), withHardware)).toMatchObject({ driver: 'qemu', accelerator: 'tcg' });
    expect(await decideVmm(accel('kvm'), withHardware)).toEqual({
      driver: 'krun',
      accelerator: 'kvm',
      reason: 'MSB_ACCEL is kvm',
    });
    expect(await decideVmm(vmm('krun'), withHardware)).toMatchObject({
      driver: 'krun',
      reason: 'MSB_VMM is krun',
    });
  });

  it('does not blame the hardware for what another system has', async () => {
    const foreign = process.platform === 'darwin' ? 'kvm' : 'hvf';
    await expect(decideVmm(accel(foreign), withoutHardware)).rejects.toThrow(
      /^MSB_ACCEL: (hvf|kvm) cannot be had here: it exists on (macOS|Linux) only$/,
    );
  });

  it('refuses one that cannot be had, with the reason of the probe, and takes no other', async () => {
    await expect(decideVmm(accel('kvm'), withoutHardware)).rejects.toMatchObject({
      code: 'unsupported',
      message: 'MSB_ACCEL: kvm cannot be had here: no /dev/kvm',
      hint: 'load it',
    });
    await expect(decideVmm(vmm('krun'), withoutHardware)).rejects.toMatchObject({
      code: 'unsupported',
      message: 'MSB_VMM: libkrun cannot run here: no /dev/kvm',
    });
    await expect(decideVmm({ ...vmm('krun'), ...pick(accel('tcg')) }, withHardware)).rejects.toThrow(
      'libkrun cannot emulate',
    );
    await expect(decideVmm(nothing, { ...withoutHardware, qemu: async () => unable })).rejects.toMatchObject({
      code: 'vmmNotFound',
      message: 'it is away',
      hint: 'get it',
    });
  });
});

const pick = ({ accel }: VmmWishes) => ({ accel });
