import { describe, expect, it } from 'vitest';
import { coldBootParameters, kernelCommandLine } from './guest-setup.ts';

describe('kernelCommandLine', () => {
  it('holds nothing of one sandbox and no separator', () => {
    const line = kernelCommandLine({ thp: 'never', accelerator: 'tcg', tscKhz: 2_596_120 }).join(' ');
    expect(line).toBe(
      'console=hvc0 quiet reboot=t panic=-1 panic_print=0 lsm=capability no_timer_check tsc=reliable tsc_early_khz=2596120 noreplace-smp initcall_blacklist=jent_mod_init initramfs_async=0 transparent_hugepage=never',
    );
    expect(kernelCommandLine({ thp: 'madvise', accelerator: 'kvm', tscKhz: null })).not.toContain(
      'tsc=reliable',
    );
  });
});

describe('coldBootParameters', () => {
  it('spares only an emulated guest of one processor the search for its timer', () => {
    expect(coldBootParameters({ accelerator: 'tcg', cpus: 1 })).toEqual(['nolapic_timer']);
    expect(coldBootParameters({ accelerator: 'tcg', cpus: 2 })).toEqual([]);
    expect(coldBootParameters({ accelerator: 'kvm', cpus: 1 })).toEqual([]);
  });
});
