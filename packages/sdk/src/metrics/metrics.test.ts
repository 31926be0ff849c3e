import { readFile, rm, writeFile } from 'node:fs/promises';
import { activeRun, sandboxByName } from '@microsandbox/db';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TestHome, testHome } from '../../test/test-home.ts';
import { withBackend } from '../backend/current-backend.ts';
import type { SandboxBuilder } from '../builders/sandbox-builder.ts';
import { Sandbox } from '../sandbox.ts';
import { sandboxMetricsReports } from './metrics-reports.ts';
import { REGISTRY } from './metrics-slot.ts';
import { allSandboxMetrics } from './read-metrics.ts';
import { registryFile, registryName } from './registry-name.ts';

it('the registry is named after the home', () => {
  expect(registryName('/home/u/.microsandbox')).toBe('/msb-met-a3292eaac203de93-v3');
  expect(registryName('/a')).not.toBe(registryName('/a/'));
});

interface SlotValues {
  readonly state?: number;
  readonly sequence?: bigint;
  readonly sandboxId: number;
  readonly runId: number;
  readonly pid: number;
  readonly name: string;
  readonly flags?: number;
  /** Unix time in milliseconds. */
  readonly sampledAtMs?: number;
}

/** A registry with the given slots, as its writers lay it out. */
function registry(slots: readonly SlotValues[], version: number = REGISTRY.version): Buffer {
  const capacity = 4;
  const bytes = Buffer.alloc(REGISTRY.headerBytes + capacity * REGISTRY.slotBytes);
  bytes.writeBigUInt64LE(REGISTRY.magic, 0);
  for (const [offset, value] of [
    [0x08, version],
    [0x0c, REGISTRY.headerBytes],
    [0x10, REGISTRY.slotBytes],
    [0x14, capacity],
    [0x18, REGISTRY.readyState],
  ] as const) {
    bytes.writeUInt32LE(value, offset);
  }
  for (const [index, values] of slots.entries()) {
    // The first slot stays free.
    const slot = bytes.subarray(REGISTRY.headerBytes + (index + 1) * REGISTRY.slotBytes);
    slot.writeUInt32LE(values.state ?? 2, 0);
    slot.writeBigUInt64LE(values.sequence ?? 4n, 0x10);
    slot.writeInt32LE(values.sandboxId, 0x18);
    slot.writeInt32LE(values.runId, 0x1c);
    slot.writeInt32LE(values.pid, 0x20);
    slot.writeBigInt64LE(1_700_000_000_000n, 0x28);
    slot.writeBigInt64LE(BigInt(values.sampledAtMs ?? 1_700_000_002_500), 0x30);
    slot.writeUInt32LE(values.flags ?? 0x7f, 0x38);
    slot.writeBigUInt64LE(256n << 20n, 0x40);
    slot.writeFloatLE(12.5, 0x50);
    for (const [at, offset] of [0x48, 0x58, 0x60, 0x68, 0x70, 0x78, 0x80, 0x88, 0x90, 0x98, 0xa0].entries()) {
      slot.writeBigUInt64LE(BigInt(at + 1), offset);
    }
    slot.writeUInt16LE(Buffer.byteLength(values.name), 0xa8);
    slot.write(values.name, 0xb0);
  }
  return bytes;
}

const linux = process.platform === 'linux';

describe.skipIf(!linux)(`metrics${linux ? '' : ' (skipped: shared memory is no file system here)'}`, () => {
  let home: TestHome;
  let file: string;
  beforeEach(async () => {
    home = await testHome();
    file = registryFile(home.path) ?? '';
  });
  afterEach(async () => {
    await rm(file, { force: true });
    await home[Symbol.asyncDispose]();
  });

  const create = (configure = (b: SandboxBuilder) => b) =>
    withBackend(home.backend, () => configure(Sandbox.builder('box').image(home.disk)).create());
  const get = () => withBackend(home.backend, () => Sandbox.get('box'));

  /** The slot that the running sandbox would write. */
  async function ownSlot(extra: Partial<SlotValues> = {}): Promise<SlotValues> {
    const catalog = await home.backend.catalog();
    return catalog.read((db) => {
      const row = sandboxByName(db, 'box');
      const run = row && activeRun(db, row.id);
      return { sandboxId: row?.id ?? 0, runId: run?.id ?? 0, pid: run?.pid ?? 0, name: 'box', ...extra };
    });
  }

  it('are read from the slot of the run, with the limit of the catalog', async () => {
    await using sandbox = await create();
    await writeFile(file, registry([await ownSlot({ runId: 999 }), await ownSlot()]));
    expect(await sandbox.metrics()).toEqual({
      cpuPercent: 12.5,
      vcpuTimeNs: 1,
      memoryBytes: 2,
      memoryAvailableBytes: 3,
      memoryHostResidentBytes: 4,
      memoryLimitBytes: 512 << 20,
      diskReadBytes: 5,
      diskWriteBytes: 6,
      netRxBytes: 7,
      netTxBytes: 8,
      upperUsedBytes: 9,
      upperFreeBytes: 10,
      upperHostAllocatedBytes: 11,
      uptimeMs: 2500,
      timestamp: new Date(1_700_000_002_500),
    });
    expect((await (await get()).metrics()).cpuPercent).toBe(12.5);
    const all = await withBackend(home.backend, () => allSandboxMetrics());
    expect(Object.keys(all)).toEqual(['box']);
    expect(all['box']?.memoryLimitBytes).toBe(256 << 20);
  });

  it('that were not measured are null', async () => {
    await using sandbox = await create();
    await writeFile(file, registry([await ownSlot({ flags: 3 })]));
    expect(await sandbox.metrics()).toMatchObject({
      memoryAvailableBytes: null,
      upperUsedBytes: null,
      memoryBytes: 2,
    });
  });

  it('say what is missing', async () => {
    await using sandbox = await create();
    const { sandboxId } = await ownSlot();
    await rm(file);
    await expect(sandbox.metrics()).rejects.toMatchObject({
      code: 'custom',
      message: `sandbox ${sandboxId} has no live metrics slot (registry unavailable)`,
    });
    for (const bytes of [Buffer.alloc(10), registry([await ownSlot()], 4)]) {
      await writeFile(file, bytes);
      await expect(sandbox.metrics()).rejects.toThrow('(registry unavailable)');
    }
    for (const extra of [{ state: 3 }, { state: 1 }, { sequence: 3n }, { runId: 77 }]) {
      await writeFile(file, registry([await ownSlot(extra)]));
      await expect(sandbox.metrics()).rejects.toThrow(/has no live metrics slot$/);
    }
    await sandbox.stop();
    await expect(sandbox.metrics()).rejects.toThrow('is not running; metrics are unavailable');
    await expect((await get()).metrics()).rejects.toMatchObject({ code: 'sandboxNotRunning' });
    await withBackend(home.backend, () => Sandbox.remove('box'));
    await expect(sandbox.metrics()).rejects.toMatchObject({ code: 'sandboxNotFound' });
    expect(await withBackend(home.backend, () => allSandboxMetrics())).toEqual({});
  });

  it('have a slot from the start on, which a failed start gives back', async () => {
    const states = async () => (await readFile(file)).subarray(256).filter((_, at) => at % 512 === 0);
    await using sandbox = await create();
    expect(sandbox.name).toBe('box');
    const slot = (await readFile(file)).subarray(256, 768);
    expect(slot.readUInt32LE(0)).toBe(1);
    expect(slot.readInt32LE(0x18)).toBe((await ownSlot()).sandboxId);
    expect(slot.toString('utf8', 0xb0, 0xb3)).toBe('box');
    const failing = home.otherBackend({
      ...home.backend.launcher,
      start: () => Promise.reject(new Error('no machine')),
    });
    const broken = Sandbox.builder('broken').image(home.disk);
    await expect(withBackend(failing, () => broken.create())).rejects.toThrow('no machine');
    await failing.close();
    expect([...(await states())].filter((state) => state !== 0)).toEqual([1]);
  });

  it('are refused when they are switched off', async () => {
    await using sandbox = await create((b) => b.metricsSampleIntervalMs(0));
    const error = { code: 'metricsDisabled', message: 'metrics disabled for sandbox: box' };
    await expect(sandbox.metrics()).rejects.toMatchObject(error);
    await expect((await get()).metrics()).rejects.toMatchObject(error);
    await using stream = await sandbox.metricsStream(10);
    await expect(stream.recv()).rejects.toMatchObject(error);
    expect(await stream.recv()).toBeNull();
  });

  it('come at once, then every interval, and go on after a failure', async () => {
    await using sandbox = await create();
    await using stream = await sandbox.metricsStream(50);
    await expect(stream.recv()).rejects.toThrow('no live metrics slot');
    await writeFile(file, registry([await ownSlot()]));
    const started = performance.now();
    const seen: number[] = [];
    for await (const { cpuPercent } of stream) if (seen.push(cpuPercent) === 3) break;
    expect(seen).toEqual([12.5, 12.5, 12.5]);
    expect(performance.now() - started).toBeGreaterThan(90);
    await stream[Symbol.asyncDispose]();
    expect(await stream.recv()).toBeNull();
  });

  describe('as reports', () => {
    const reports = () => withBackend(home.backend, () => sandboxMetricsReports());

    it('tell whether samples still come', async () => {
      expect(await reports()).toEqual([]);
      await using _sandbox = await create((b) => b.cpus(2));
      const own = await ownSlot({ sampledAtMs: Date.now() });
      await writeFile(file, registry([own]));
      expect(await reports()).toMatchObject([
        { name: 'box', state: 'running', cpus: 2, runId: own.runId, metrics: { cpuPercent: 12.5 } },
      ]);
      await writeFile(file, registry([{ ...own, sampledAtMs: Date.now() - 10_000 }]));
      expect(await reports()).toMatchObject([{ state: 'stalled' }]);
      await writeFile(file, registry([{ ...own, state: 3 }]));
      expect(await reports()).toMatchObject([{ state: 'exited' }]);
    });

    it('count a slot whose process is gone as left behind', async () => {
      await using _sandbox = await create();
      const now = Date.now();
      const own = await ownSlot({ sampledAtMs: now - 1000 });
      const gone = { ...own, pid: 2 ** 22 + 1, runId: 999, sampledAtMs: now };
      await writeFile(file, registry([gone]));
      expect(await reports()).toMatchObject([{ state: 'exited', runId: 999 }]);
      await writeFile(file, registry([gone, own]));
      expect(await reports()).toMatchObject([{ state: 'running', runId: own.runId }]);
    });

    it('leave out what the catalog does not know', async () => {
      await using _sandbox = await create();
      const own = await ownSlot();
      await writeFile(
        file,
        registry([
          { ...own, name: 'other' },
          { ...own, sandboxId: 999 },
        ]),
      );
      expect(await reports()).toEqual([]);
    });
  });
});
