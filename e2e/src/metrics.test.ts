import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Sandbox as SandboxType } from 'microsandbox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BusyboxHome, startBusyboxHome } from './support/busybox-home.ts';
import { importSdk } from './support/consumer.ts';

const { Sandbox, allSandboxMetrics } = await importSdk();
const MIB = 1024 * 1024;
const name = 'measured';
const linux = process.platform === 'linux';

describe.skipIf(!linux)(`metrics${linux ? '' : ' (skipped: shared memory is no file system here)'}`, () => {
  let setUp: BusyboxHome;
  let sandbox: SandboxType;
  beforeAll(async () => {
    setUp = await startBusyboxHome();
    sandbox = await Sandbox.builder(name)
      .image(setUp.reference)
      .memory(384)
      .metricsSampleIntervalMs(200)
      .create();
  });
  afterAll(async () => {
    await sandbox?.kill();
    await Sandbox.remove(name);
    await setUp?.[Symbol.asyncDispose]();
  });

  it('show what a guest says about itself and what its machine costs', async () => {
    await expect
      .poll(async () => (await sandbox.metrics()).memoryAvailableBytes, { timeout: 20_000 })
      .toBeGreaterThan(0);
    const metrics = await sandbox.metrics();
    expect(metrics.memoryLimitBytes).toBe(384 * MIB);
    expect(metrics.memoryBytes + (metrics.memoryAvailableBytes ?? 0)).toBeLessThanOrEqual(384 * MIB);
    expect(metrics.memoryBytes).toBeGreaterThan(MIB);
    expect(metrics.memoryHostResidentBytes).toBeGreaterThan(MIB);
    expect(metrics.upperUsedBytes).toBeGreaterThan(0);
    expect(metrics.upperFreeBytes).toBeGreaterThan(100 * MIB);
    expect(metrics.upperHostAllocatedBytes).toBeGreaterThan(0);
    expect(metrics.uptimeMs).toBeGreaterThan(0);
    expect(Date.now() - metrics.timestamp.getTime()).toBeLessThan(20_000);
  });

  it('show a busy processor, and what is written to the disk', async () => {
    const before = await sandbox.metrics();
    const busy = sandbox.shell(
      'dd if=/dev/zero of=/root/data bs=1M count=24; sync; i=0; while [ $i -lt 40000 ]; do i=$((i+1)); done',
    );
    await expect
      .poll(async () => (await sandbox.metrics()).cpuPercent, { timeout: 20_000, interval: 100 })
      .toBeGreaterThan(20);
    await busy;
    await expect
      .poll(async () => (await sandbox.metrics()).upperUsedBytes, { timeout: 20_000 })
      .toBeGreaterThan((before.upperUsedBytes ?? 0) + 20 * MIB);
    const after = await sandbox.metrics();
    expect(after.cpuPercent).toBeLessThanOrEqual(100);
    expect(after.vcpuTimeNs).toBeGreaterThan(before.vcpuTimeNs);
    expect(after.diskWriteBytes - before.diskWriteBytes).toBeGreaterThan(20 * MIB);
    expect(after.upperHostAllocatedBytes).toBeGreaterThan((before.upperHostAllocatedBytes ?? 0) + 20 * MIB);
  });

  it('count what goes over the network', async () => {
    const before = await sandbox.metrics();
    // The resolver of the sandbox answers this name itself, so no host is asked.
    await sandbox.shell('nslookup host.microsandbox.internal');
    await expect
      .poll(async () => (await sandbox.metrics()).netRxBytes, { timeout: 20_000 })
      .toBeGreaterThan(before.netRxBytes);
    expect((await sandbox.metrics()).netTxBytes).toBeGreaterThan(before.netTxBytes);
  });

  it('come as a stream and for all sandboxes', async () => {
    await using stream = await sandbox.metricsStream(300);
    const times: number[] = [];
    for await (const { timestamp } of stream) if (times.push(timestamp.getTime()) === 3) break;
    expect(times).toEqual([...new Set(times)].sort());
    expect(Object.keys(await allSandboxMetrics())).toEqual([name]);
  });

  it('stand with the heartbeat in the places of the reference', async () => {
    const heartbeat = JSON.parse(
      await readFile(join(setUp.home.path, 'sandboxes', name, 'runtime/heartbeat.json'), 'utf8'),
    );
    expect(Object.keys(heartbeat)).toEqual([
      'heartbeat_seq',
      'activity_seq',
      'timestamp',
      'last_activity',
      'active_exec_sessions',
      'active_fs_streams',
      'active_tcp_streams',
      'activity_counters',
    ]);
    const before = heartbeat.activity_seq;
    await sandbox.shell('true');
    await expect
      .poll(async () => (await readHeartbeat()).activity_seq, { timeout: 10_000 })
      .toBeGreaterThan(before);
  });

  it('leave the last sample behind and end with the sandbox', async () => {
    await sandbox.stop();
    await expect(sandbox.metrics()).rejects.toThrow('is not running; metrics are unavailable');
    expect(await allSandboxMetrics()).toEqual({});
    sandbox = await Sandbox.start(name);
    await expect.poll(async () => Object.keys(await allSandboxMetrics())).toEqual([name]);
  });

  async function readHeartbeat(): Promise<{ activity_seq: number }> {
    return JSON.parse(
      await readFile(join(setUp.home.path, 'sandboxes', name, 'runtime/heartbeat.json'), 'utf8'),
    );
  }
});
