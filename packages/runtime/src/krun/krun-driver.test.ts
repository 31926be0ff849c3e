import { mkdtemp, readdir, readFile, readlink, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { VmDisk, VmSpec } from '@microsandbox/types';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  buildTestGuest,
  devicesOf,
  type FoundMachine,
  testGuestObstacle,
} from '../../test-support/test-guest.ts';
import { krunDriver } from './krun-driver.ts';

const reason = testGuestObstacle();

describe.skipIf(reason)(`krun driver with the test guest${reason ? ` (skipped: ${reason})` : ''}`, () => {
  let folder: string;
  let kernelPath: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'msb-krun-'));
    kernelPath = buildTestGuest();
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function disk(id: string, mib: number, readOnly: boolean): Promise<VmDisk> {
    const path = join(folder, id);
    await writeFile(path, '');
    await truncate(path, mib << 20);
    return { id, path, format: 'raw', readOnly, sync: readOnly ? 'none' : 'full' };
  }

  function specOf(overrides: Partial<VmSpec>): VmSpec {
    return {
      name: 'test',
      cpus: 1,
      memoryMib: 128,
      kernelPath,
      initramfsPath: join(folder, 'initramfs'),
      commandLine: ['quiet'],
      disks: [],
      ports: ['agent'],
      kernelLogPath: join(folder, 'kernel.log'),
      accelerator: 'kvm',
      ...overrides,
    };
  }

  async function boot(overrides: Partial<VmSpec>): Promise<FoundMachine> {
    await writeFile(join(folder, 'initramfs'), Buffer.alloc(1234));
    const machine = await krunDriver.launch(specOf(overrides), { serial: true });
    const watchdog = setTimeout(machine.kill, 20_000);
    const output = await text(machine.serial as NonNullable<typeof machine.serial>);
    const exit = await machine.exited;
    clearTimeout(watchdog);
    expect(exit, exit.stderrTail).toMatchObject({ code: 0, signal: null });
    return JSON.parse(output);
  }

  it('gives the guest its processors, memory, parameters and initramfs', async () => {
    const found = await boot({ cpus: 2, memoryMib: 256, commandLine: ['quiet', 'answer=42'] });
    expect(found.cpus).toBe(2);
    expect(found.memory_kib / 1024).toBeGreaterThan(254);
    expect(found.memory_kib / 1024).toBeLessThanOrEqual(256);
    expect(found.command_line).toMatch(/^quiet answer=42 /);
    expect(found.initramfs).toMatchObject({ bytes: 1234 });
  });

  it('gives the guest its disks in order, its ports and its network interface', async () => {
    const found = await boot({
      disks: [await disk('root', 1, true), await disk('upper', 3, false)],
      ports: ['agent', 'fs.0', 'fs.1'],
      network: { mac: '02:00:00:00:00:2a' },
    });
    expect(devicesOf(found, 'block')).toMatchObject([
      { sectors: 2048, read_only: true },
      { sectors: 6144, read_only: false },
    ]);
    expect(devicesOf(found, 'network')).toMatchObject([{ mac: [2, 0, 0, 0, 0, 0x2a] }]);
    expect(devicesOf(found, 'console')).toMatchObject([{ max_ports: 1 }, { max_ports: 3 }]);
  });

  it('joins the files of a VMDK, though its process may open nothing else', async () => {
    const extents = [await disk('a', 1, true), await disk('b', 2, true)];
    const path = join(folder, 'joined.vmdk');
    const lines = extents.map(({ path }, index) => `RW ${2048 * (index + 1)} FLAT "${path}" 0`);
    await writeFile(
      path,
      [
        '# Disk DescriptorFile',
        'version=1',
        'CID=fffffffe',
        'parentCID=ffffffff',
        'createType="twoGbMaxExtentFlat"',
        '',
        '# Extent description',
        ...lines,
        '',
      ].join('\n'),
    );
    const root: VmDisk = { id: 'root', path, format: 'vmdk', readOnly: true, sync: 'none' };
    const found = await boot({ disks: [root] });
    expect(devicesOf(found, 'block')).toMatchObject([{ sectors: 6144, read_only: true }]);
  });

  it('may gain no privilege, and knows no more than it needs', async () => {
    await writeFile(join(folder, 'initramfs'), Buffer.alloc(1234));
    const held = specOf({ commandLine: ['quiet', 'testguest.hold'], disks: [await disk('held', 1, true)] });
    const machine = await krunDriver.launch(held, { serial: true });
    const watchdog = setTimeout(machine.kill, 20_000);
    try {
      for await (const _line of createInterface(machine.serial as Duplex)) break;
      const proc = `/proc/${machine.pid}`;
      expect(await readFile(`${proc}/status`, 'utf8')).toMatch(/^NoNewPrivs:\t1$/m);
      expect(await readFile(`${proc}/environ`, 'utf8')).toBe('LC_ALL=C\0PATH=/usr/bin:/bin\0');
      const targets = (await readdir(`${proc}/fd`)).map((fd) => readlink(`${proc}/fd/${fd}`).catch(() => ''));
      const files = (await Promise.all(targets)).filter((target) => /^\/(?!dev\/(null|kvm$))/.test(target));
      expect(new Set(files)).toEqual(new Set([held.disks[0]?.path, held.kernelLogPath]));
    } finally {
      machine.kill();
      clearTimeout(watchdog);
      await machine.exited;
    }
  });

  it('says on standard error why a machine cannot be built', async () => {
    const machine = await krunDriver.launch(specOf({ kernelPath: join(folder, 'absent') }));
    const exit = await machine.exited;
    expect(exit.code).not.toBe(0);
    expect(exit.stderrTail).toContain(join(folder, 'absent'));
  });
});
