import { DEFAULT_HOST_CONFIG } from '@microsandbox/utils';
import { describe, expect, it } from 'vitest';
import { whyProcessorLacks } from './accelerators.ts';
import { chooseAccelerator, chooseVmm } from './choose-vmm.ts';

const hardware = { usable: ['kvm', 'tcg'], missing: null } as const;
const none = { usable: ['tcg'], missing: 'no /dev/kvm' } as const;
const wish = (value: string) => ({ value, from: 'MSB_ACCEL' });

describe('chooseAccelerator', () => {
  it('takes the best there is and says why', () => {
    expect(chooseAccelerator(null, hardware)).toMatchObject({ accelerator: 'kvm', reason: 'kvm is usable' });
    expect(chooseAccelerator(null, none)).toEqual({
      driver: 'qemu',
      accelerator: 'tcg',
      reason: 'no /dev/kvm, so software emulation',
    });
  });

  it('honours a wish or refuses it, and never takes another one instead', () => {
    expect(chooseAccelerator(wish('tcg'), hardware).accelerator).toBe('tcg');
    expect(() => chooseAccelerator(wish('kvm'), none)).toThrow(
      'MSB_ACCEL: kvm cannot be had here: no /dev/kvm',
    );
    expect(() => chooseAccelerator(wish('fast'), hardware)).toThrow(/must be 'auto', 'kvm', 'hvf' or 'tcg'/);
  });
});

describe('chooseVmm', () => {
  it('reads the environment before the configuration', async () => {
    const config = { ...DEFAULT_HOST_CONFIG, vmm: 'nonsense' };
    await expect(chooseVmm({ env: {}, config })).rejects.toThrow('vmm in config.json must be');
    expect((await chooseVmm({ env: { MSB_VMM: 'qemu' }, config })).driver).toBe('qemu');
    expect((await chooseVmm({ env: { MSB_VMM: 'auto', MSB_ACCEL: 'tcg' }, config })).accelerator).toBe('tcg');
  });
});

describe('whyProcessorLacks', () => {
  it('finds vmx and svm as whole words among the flags', () => {
    expect(whyProcessorLacks('flags\t\t: fpu vme vmx smx\n')).toBeNull();
    expect(whyProcessorLacks('flags\t\t: fpu svm')).toBeNull();
    expect(whyProcessorLacks('flags\t\t: fpu vmxoff\nmodel name: vmx svm \n')).toBe(
      'no vmx/svm in /proc/cpuinfo',
    );
  });
});
