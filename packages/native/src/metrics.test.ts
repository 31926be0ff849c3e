import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { NixError } from '@microsandbox/types';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addon } from './load-addon.ts';
import type { MetricsSample } from './metrics.ts';

const linux = process.platform === 'linux';
const SAMPLE: MetricsSample = {
  sampledAtMs: 1_700_000_002_500,
  memoryLimitBytes: 2 ** 40,
  vcpuTimeNs: 11,
  cpuPercent: 12.5,
  memoryUsedBytes: 13,
  memoryAvailableBytes: 14,
  hostResidentBytes: 15,
  diskReadBytes: 16,
  diskWriteBytes: 17,
  netRxBytes: 18,
  netTxBytes: 19,
  upperUsedBytes: 20,
  upperFreeBytes: 21,
  upperHostAllocatedBytes: 22,
};

describe.skipIf(!linux)(`metrics${linux ? '' : ' (skipped: shared memory is no file system here)'}`, () => {
  const registry = `/msb-test-${process.pid}-v3`;
  const file = `/dev/shm${registry}`;
  beforeEach(() => rm(file, { force: true }));
  afterEach(() => rm(file, { force: true }));

  const reserve = (capacity = 4, name = 'box') =>
    addon().reserveMetricsSlot({ registry, capacity, sandboxId: 3, name, memoryLimitBytes: 5 });
  const slotBytes = async (slot: number) =>
    (await readFile(file)).subarray(256 + slot * 512, 768 + slot * 512);

  it('stand where every reader of layout 3 looks for them', async () => {
    const ticket = await reserve();
    expect(ticket).toEqual({ slot: 0, generation: 1 });
    const header = await readFile(file);
    expect(header.length).toBe(256 + 4 * 512);
    expect(header.toString('latin1', 0, 8)).toBe('MSBMET01');
    expect([0x08, 0x0c, 0x10, 0x14, 0x18].map((offset) => header.readUInt32LE(offset))).toEqual([
      3, 256, 512, 4, 2,
    ]);
    expect(Date.now() - Number(header.readBigInt64LE(0x20))).toBeLessThan(60_000);
    expect(header.readBigUInt64LE(0x28)).toBe(1n);

    const reserved = await slotBytes(0);
    expect(reserved.readUInt32LE(0)).toBe(1);
    const writer = addon().openMetricsSlot(registry, 0, 1);
    expect(writer.write(SAMPLE)).toBe(false);
    expect(writer.activate(9, process.pid, 1_700_000_000_000)).toBe(true);
    expect(writer.write(SAMPLE)).toBe(true);
    const slot = await slotBytes(0);
    expect(slot.readUInt32LE(0)).toBe(2);
    expect(slot.readBigUInt64LE(0x08)).toBe(1n);
    expect(slot.readBigUInt64LE(0x10) % 2n).toBe(0n);
    expect([0x18, 0x1c, 0x20].map((offset) => slot.readInt32LE(offset))).toEqual([3, 9, process.pid]);
    expect(slot.readBigInt64LE(0x28)).toBe(1_700_000_000_000n);
    expect(slot.readBigInt64LE(0x30)).toBe(1_700_000_002_500n);
    expect(slot.readUInt32LE(0x38)).toBe(0x7f);
    expect(slot.readBigUInt64LE(0x40)).toBe(2n ** 40n);
    expect(slot.readBigUInt64LE(0x48)).toBe(11n);
    expect(slot.readFloatLE(0x50)).toBe(12.5);
    for (let offset = 0x58, value = 13n; offset <= 0xa0; offset += 8, value += 1n) {
      expect(slot.readBigUInt64LE(offset), `offset ${offset}`).toBe(value);
    }
    expect(slot.readUInt16LE(0xa8)).toBe(3);
    expect(slot.toString('utf8', 0xb0, 0xb3)).toBe('box');
    writer.release();
    expect((await slotBytes(0)).readUInt32LE(0)).toBe(3);
    expect(writer.write(SAMPLE)).toBe(false);
  });

  it('say which figures were measured', async () => {
    const ticket = await reserve();
    const writer = addon().openMetricsSlot(registry, ticket?.slot ?? -1, ticket?.generation ?? -1);
    writer.activate(1, process.pid, 1);
    const { cpuPercent: _cpu, upperFreeBytes: _free, ...rest } = SAMPLE;
    writer.write({ ...rest, memoryAvailableBytes: undefined });
    expect((await slotBytes(0)).readUInt32LE(0x38)).toBe(2 | 8 | 16 | 64);
  });

  it('are reserved by many processes at once, each slot once', async () => {
    const addonFile = JSON.stringify((await import('./prebuilt-path.ts')).prebuiltPath('microsandbox.node'));
    const program = `const a = require(${addonFile});
      const one = () => a.reserveMetricsSlot({ registry: ${JSON.stringify(registry)}, capacity: 64, sandboxId: 1,
        name: 'x', memoryLimitBytes: 0 });
      Promise.all(Array.from({ length: 8 }, one)).then((all) => {
        console.log(JSON.stringify(all.map(({ slot }) => slot)));
        process.stdin.once('data', () => process.exit()); // Its reservations are good as long as it lives.
      });`;
    const children = Array.from({ length: 4 }, () =>
      spawn(process.execPath, ['-e', program], { stdio: ['pipe', 'pipe', 'inherit'] }),
    );
    const slots = await Promise.all(
      children.map(async ({ stdout }) => JSON.parse(String((await once(stdout, 'data'))[0])) as number[]),
    );
    expect(new Set(slots.flat()).size).toBe(32);
    for (const child of children) child.stdin.end('x');
    await Promise.all(children.map((child) => once(child, 'close')));
    for (let left = 64; left > 0; left -= 1) expect(await reserve(64)).not.toBeNull();
    expect(await reserve(64)).toBeNull();
  });

  it('are refused where the registry is another', async () => {
    await reserve(4);
    await expect(reserve(5)).rejects.toThrow('metrics registry has 4 slots, not 5');
    expect(await reserve(0)).toMatchObject({ slot: 1 });
    const bytes = await readFile(file);
    bytes.writeUInt32LE(4, 8);
    await writeFile(file, bytes);
    await expect(reserve(4)).rejects.toBeInstanceOf(NixError);
    expect(() => addon().openMetricsSlot('/msb-test-none', 0, 1)).toThrow('metrics registry: ');
    expect(() => addon().openMetricsSlot('no slash/or too many/', 0, 1)).toThrow(NixError);
  });
});
