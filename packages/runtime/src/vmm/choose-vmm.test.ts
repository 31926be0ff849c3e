import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_HOST_CONFIG } from '@microsandbox/utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chooseVmm } from './choose-vmm.ts';
import { probeHardware } from './probe-hardware.ts';

const env = { PATH: process.env['PATH'], MSB_QEMU_PATH: process.env['MSB_QEMU_PATH'] };
const { obstacle } = await probeHardware();
let cacheDir: string;

beforeAll(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'msb-choose-'));
});
afterAll(() => rm(cacheDir, { recursive: true }));

describe('chooseVmm', () => {
  it('reads one start before the environment, and that before the configuration', async () => {
    const config = { ...DEFAULT_HOST_CONFIG, vmm: 'nonsense' };
    await expect(chooseVmm({ env, config })).rejects.toThrow('vmm in config.json must be');
    const asked = { ...env, MSB_VMM: 'qemu', MSB_ACCEL: 'hvf' };
    await expect(chooseVmm({ env: asked, config, cacheDir })).rejects.toThrow('MSB_ACCEL: hvf cannot be had');
    expect(await chooseVmm({ wish: { accel: 'tcg' }, env: asked, config, cacheDir })).toEqual({
      driver: 'qemu',
      accelerator: 'tcg',
      reason: 'MSB_VMM is qemu, accel is tcg',
    });
    expect((await chooseVmm({ env: { ...env, MSB_VMM: 'auto', MSB_ACCEL: 'tcg' }, config })).driver).toBe(
      'qemu',
    );
  });

  it.skipIf(obstacle === null)(
    'refuses libkrun with the reason of the probe where it cannot run',
    async () => {
      await expect(chooseVmm({ env: { ...env, MSB_VMM: 'krun' }, cacheDir })).rejects.toMatchObject({
        code: 'unsupported',
        message: `MSB_VMM: libkrun cannot run here: ${obstacle?.reason}`,
        hint: expect.stringContaining('QEMU'),
      });
    },
  );

  it('misses a QEMU that is not there, with the way to install it', async () => {
    await expect(chooseVmm({ env: { PATH: cacheDir, MSB_VMM: 'qemu' }, cacheDir })).rejects.toMatchObject({
      code: 'vmmNotFound',
      hint: expect.stringContaining('install QEMU'),
    });
  });
});
