import { copyFile, mkdtemp, readdir, readFile, rename, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BootStartError, sandboxConfigSchema } from '@microsandbox/types';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  buildTestGuest,
  devicesOf,
  type FoundMachine,
  testGuestObstacle,
} from '../../test-support/test-guest.ts';
import { TestHome } from '../../test-support/test-home.ts';
import { prepareInitramfs } from '../initramfs/prepare-initramfs.ts';
import { kernelCommandLine } from '../vmm/guest-setup.ts';
import { probeHardware } from '../vmm/probe-hardware.ts';

const reason = testGuestObstacle();
const { obstacle } = await probeHardware();

/** The whole way of a start: sandbox process, machine process, libkrun; only the kernel is another one. */
describe.skipIf(reason)(`a sandbox process with libkrun${reason ? ` (skipped: ${reason})` : ''}`, () => {
  let folder: string;
  let home: TestHome;
  let kernel: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'msb-krun-launch-'));
    home = await TestHome.create(folder);
    const kernels = join(home.cacheDir, 'kernel');
    const [elf = ''] = (await readdir(kernels)).filter((name) => name.endsWith('.elf'));
    kernel = join(kernels, elf);
    await copyFile(buildTestGuest(), kernel);
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true });
  });

  it('gives the guest the disks, network, ports, memory, processors and parameters of its launch configuration', async () => {
    vi.stubEnv('MSB_KRUN_UNCHECKED', '1');
    const { network } = sandboxConfigSchema.parse({ name: 'box', image: { Oci: { reference: 'test' } } });
    const launch = { ...home.launch, network };
    const start = home.start({ launch, wish: { vmm: 'krun' }, vcpus: 2, memoryMib: 192 });
    // The test guest has no agent: it says what it found and ends.
    await expect(start).rejects.toBeInstanceOf(BootStartError);
    const error = (await start.catch((error: unknown) => error)) as BootStartError;
    expect(error.record.message).toBe('the guest ended before its agent was ready');
    const log = await readFile(join(home.launch.log_dir, 'kernel.log'), 'utf8');
    const found = JSON.parse(log) as FoundMachine;
    expect(log.startsWith(error.consoleTail.join('\n'))).toBe(true);

    expect(found.cpus).toBe(2);
    expect(found.memory_kib / 1024).toBeGreaterThan(190);
    expect(found.memory_kib / 1024).toBeLessThanOrEqual(192);
    const parameters = kernelCommandLine({ thp: home.launch.thp, accelerator: 'kvm', tscKhz: null });
    expect(found.command_line.startsWith(`${parameters.join(' ')} `)).toBe(true);
    const initramfs = await prepareInitramfs({ layout: { cacheDir: home.cacheDir } });
    expect(found.initramfs?.bytes).toBe((await stat(initramfs)).size);
    const { disk, upper } = home.launch.rootfs;
    expect(devicesOf(found, 'block')).toMatchObject([
      { sectors: (await stat(disk as string)).size / 512, read_only: true },
      { sectors: (await stat(upper as string)).size / 512, read_only: false },
    ]);
    const slot = home.launch.sandbox_slot;
    expect(devicesOf(found, 'network')).toMatchObject([
      { mac: [0x02, 0x6d, 0x73, (slot >> 8) & 0xff, slot & 0xff, 0x02] },
    ]);
    // The console of the kernel log, and the one with the agent's port.
    expect(devicesOf(found, 'console')).toMatchObject([{ max_ports: 1 }, { max_ports: 1 }]);
  });

  it('says what of the machine is damaged', async () => {
    vi.stubEnv('MSB_KRUN_UNCHECKED', '1');
    const start = () => home.start({ wish: { vmm: 'krun' } });
    const whole = `${kernel}.whole`;
    await rename(kernel, whole);
    await copyFile(whole, kernel);
    await truncate(kernel, (await stat(whole)).size >> 1);
    await expect(start()).rejects.toMatchObject({
      kind: 'kernelBroken',
      message: expect.stringContaining('ElfLoadKernel'),
      hint: expect.stringContaining('cache/kernel'),
    });
    await rename(whole, kernel);

    const upper = home.launch.rootfs.upper as string;
    await rename(upper, `${upper}.away`);
    await expect(start()).rejects.toMatchObject({
      kind: 'diskBroken',
      record: { stage: 'image', message: expect.stringContaining(upper) },
    });
    await rename(`${upper}.away`, upper);
  });

  it.skipIf(obstacle === null)('is refused at once where the probe says that Linux cannot boot', async () => {
    vi.stubEnv('MSB_KRUN_UNCHECKED', '');
    await expect(home.start({ wish: { vmm: 'krun' } })).rejects.toMatchObject({
      kind: 'noVirtualisation',
      message: expect.stringContaining(`vmm: libkrun cannot run here: ${obstacle?.reason}`),
      hint: expect.stringContaining('QEMU'),
    });
  });
});
