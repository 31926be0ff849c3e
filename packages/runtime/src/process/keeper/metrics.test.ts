import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { MetricsSample } from '@microsandbox/native';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CpuMeter } from './metrics-cpu.ts';
import { processorTimeNs, residentBytes } from './metrics-process.ts';
import { MetricsSampler, type MetricsSamplerOptions } from './metrics-sampler.ts';

describe('CpuMeter', () => {
  const at = (ms: number, busyMs: number, readingMs = 0) => ({
    vcpuTimeNs: busyMs * 1e6,
    fromMs: ms - readingMs,
    toMs: ms,
  });

  it('gives the share of the time since the last reading, up to 100 a processor', () => {
    const meter = new CpuMeter(2);
    expect(meter.percent(at(0, 0))).toBeUndefined();
    expect(meter.percent(at(1000, 250))).toBe(25);
    expect(meter.percent(at(2000, 1750))).toBe(150);
    expect(meter.percent(at(3000, 9000))).toBe(200);
    expect(meter.percent(at(4000, 8000))).toBe(0);
  });

  it('keeps the last value when reading took too much of the time', () => {
    const meter = new CpuMeter(1);
    meter.percent(at(0, 0));
    expect(meter.percent(at(1000, 500))).toBe(50);
    expect(meter.percent(at(2000, 501, 80))).toBe(50);
    expect(meter.percent(at(2000, 501))).toBe(50);
  });
});

const linux = process.platform === 'linux';

describe.skipIf(!linux)(`figures of a process${linux ? '' : ' (skipped: no /proc here)'}`, () => {
  async function busyProcess() {
    const child = spawn(process.execPath, ['-e', 'console.log(1); for (;;);'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    return child;
  }

  it('grow with what it does, as a whole and by thread', async () => {
    const child = await busyProcess();
    const pid = child.pid as number;
    const threads = (await readdir(`/proc/${pid}/task`)).map(Number);
    const read = async () => [await processorTimeNs(pid, []), await processorTimeNs(pid, threads)];
    const before = await read();
    await delay(300);
    const after = await read();
    for (const which of [0, 1]) expect(after[which]).toBeGreaterThan(before[which] as number);
    expect(await residentBytes(pid)).toBeGreaterThan(1 << 20);
    child.kill('SIGKILL');
    await once(child, 'close');
    expect([await processorTimeNs(pid, []), await residentBytes(pid)]).toEqual([undefined, undefined]);
  });

  it('are published at once without a percentage, then with one, until the slot is lost', async () => {
    const child = await busyProcess();
    const samples: MetricsSample[] = [];
    let released = 0;
    let lost = false;
    const slot: MetricsSamplerOptions['slot'] = {
      activate: () => true,
      // Lost with a sample that has a percentage, which one of a busy machine may not have.
      write: (sample) => {
        lost = samples.push(sample) >= 4 && (sample.cpuPercent ?? 0) > 0;
        return !lost;
      },
      release: () => {
        released += 1;
      },
      cancel: () => {},
    };
    const guest = {
      recent: (maxAgeMs: number) => {
        expect(maxAgeMs).toBe(3000);
        return samples.length > 0 ? null : report;
      },
    };
    const sampler = new MetricsSampler({
      slot,
      guest,
      machine: { pid: child.pid as number },
      intervalMs: 100,
      cpus: 1,
      memoryLimitBytes: 1000,
      upperDisk: import.meta.filename,
      networkCounters: () => ({ rxBytes: 1, txBytes: 2 }),
    });
    sampler.start();
    await expect.poll(() => lost, { timeout: 10_000 }).toBe(true);
    const { length } = samples;
    await delay(250);
    expect(samples).toHaveLength(length);
    const first = samples[0] as MetricsSample;
    const last = samples.at(-1) as MetricsSample;
    expect(first).toMatchObject({ memoryLimitBytes: 1000, memoryUsedBytes: 300, memoryAvailableBytes: 700 });
    expect(first).toMatchObject({ upperUsedBytes: 5, upperFreeBytes: 6, netRxBytes: 1, netTxBytes: 2 });
    expect(first.cpuPercent).toBeUndefined();
    expect(first.upperHostAllocatedBytes).toBeGreaterThan(0);
    expect(last.cpuPercent).toBeGreaterThan(0);
    expect(last.memoryUsedBytes).toBeUndefined();
    sampler.stop();
    expect(released).toBe(1);
  });
});

const report = {
  heartbeatSeq: 1n,
  activitySeq: 1n,
  timestamp: '',
  lastActivity: '',
  activeExecSessions: 0,
  activeFsStreams: 0,
  activeTcpStreams: 0,
  activityCounters: { hostMessages: 0n, guestMessages: 0n, execOutputBytes: 0n, fsBytes: 0n, tcpBytes: 0n },
  memoryTotal: 1000n,
  memoryAvailable: 700n,
  upperUsed: 5n,
  upperFree: 6n,
};
