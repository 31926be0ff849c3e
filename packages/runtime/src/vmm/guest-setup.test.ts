import { describe, expect, it } from 'vitest';
import { kernelCommandLine } from './guest-setup.ts';

describe('kernelCommandLine', () => {
  it('holds nothing of one sandbox and no separator', () => {
    const line = kernelCommandLine({ thp: 'never', accelerator: 'tcg', tscKhz: 2_596_120 }).join(' ');
    expect(line).toBe(
      'console=hvc0 quiet reboot=t panic=-1 panic_print=0 lsm=capability no_timer_check tsc=reliable tsc_early_khz=2596120 transparent_hugepage=never',
    );
    expect(kernelCommandLine({ thp: 'madvise', accelerator: 'kvm', tscKhz: null })).not.toContain(
      'tsc=reliable',
    );
  });
});
