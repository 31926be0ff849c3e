import type { MetricsReport } from 'microsandbox';
import { describe, expect, it } from 'vitest';
import { painter } from '../output/colour.ts';
import { parseMetricsInterval } from '../values/metrics-interval.ts';
import { metricsJson } from './metrics-json.ts';
import { metricsTable } from './metrics-table.ts';
import { RateTracker } from './rate-tracker.ts';

const plain = painter(false);
const MIB = 1 << 20;

function report(
  values: Partial<MetricsReport> = {},
  metrics: Partial<MetricsReport['metrics']> = {},
): MetricsReport {
  return {
    name: 'web',
    runId: 7,
    state: 'running',
    cpus: 2,
    sampleAgeMs: 10,
    ...values,
    metrics: {
      cpuPercent: 80,
      vcpuTimeNs: 5,
      memoryBytes: 100 * MIB,
      memoryAvailableBytes: null,
      memoryHostResidentBytes: 90 * MIB,
      memoryLimitBytes: 512 * MIB,
      diskReadBytes: 1000,
      diskWriteBytes: 4096,
      netRxBytes: 0,
      netTxBytes: 2048,
      upperUsedBytes: 1,
      upperFreeBytes: 2,
      upperHostAllocatedBytes: 3,
      uptimeMs: 125_000,
      timestamp: new Date('2024-01-02T03:04:05Z'),
      ...metrics,
    },
  };
}

describe('rates', () => {
  const at = (ms: number, diskWriteBytes: number, runId = 7) =>
    report({ runId }, { timestamp: new Date(ms), diskWriteBytes });

  it('need two samples of one run', () => {
    const tracker = new RateTracker();
    expect(tracker.observe(at(0, 100))).toBeNull();
    expect(tracker.observe(at(0, 100, 8))).toBeNull();
    expect(tracker.observe(at(2000, 300))?.diskWrite).toBe(100);
  });

  it('stay when the sample is the same, and never fall below zero', () => {
    const tracker = new RateTracker();
    tracker.observe(at(0, 100));
    tracker.observe(at(1000, 300));
    expect(tracker.observe(at(1000, 300))?.diskWrite).toBe(200);
    expect(tracker.observe(at(2000, 0))?.diskWrite).toBe(0);
  });
});

describe('the table', () => {
  const rates = { diskRead: 0, diskWrite: 1536, netRx: 10, netTx: 0 };
  const cellsOf = (row: MetricsReport, known: typeof rates | null = rates): string[] =>
    (metricsTable([{ report: row, rates: known }], plain).split('\n')[1] ?? '').split(/ {4,}/);

  it('shows processors in use, memory, rates and age of what runs', () => {
    expect(cellsOf(report())).toEqual([
      'web',
      'running',
      '0.80 / 2c',
      '100.0 MiB / 512.0 MiB',
      '0 B / 1.5 KiB',
      '10 B / 0 B',
      '2m5s',
    ]);
    expect(cellsOf(report({ cpus: null }), null)).toEqual(expect.arrayContaining(['80.0%', '—']));
  });

  it('says since when there was no sample', () => {
    expect(cellsOf(report({ state: 'stalled', sampleAgeMs: 4000 }))).toEqual([
      'web',
      'stalled',
      '—',
      '100.0 MiB / 512.0 MiB',
      '—',
      '—',
      'no sample 4.0s',
    ]);
  });

  it('has sums and lies in the dark when the run is over', () => {
    expect(cellsOf(report({ state: 'exited' }))).toEqual([
      'web',
      'exited',
      '—',
      '100.0 MiB / 512.0 MiB',
      '1000 B / 4.0 KiB total',
      '0 B / 2.0 KiB total',
      'ran 2m5s',
    ]);
    const coloured = metricsTable([{ report: report({ state: 'exited' }), rates }], painter(true));
    expect(coloured).toContain('\x1b[2mweb\x1b[0m');
  });
});

it('JSON has its keys in order', () => {
  const keys = Object.keys(metricsJson(report()));
  expect(keys).toEqual(keys.toSorted());
  expect(metricsJson(report())).toMatchObject({
    cpu_percent: 80,
    cpus: 2,
    state: 'running',
    memory_available_bytes: null,
    timestamp: '2024-01-02T03:04:05+00:00',
    uptime_secs: 125,
  });
});

describe('--interval', () => {
  it.each([
    ['500ms', 500],
    ['2s', 2000],
    ['0.25', 250],
    ['1.5s', 1500],
    ['1m', 60_000],
    ['1ms', 100],
    ['0.01s', 100],
  ])('%s is %d ms', (text, ms) => {
    expect(parseMetricsInterval(text)).toBe(ms);
  });

  it.each(['', '0', '0ms', 'soon', '-1s', '1h', '1.5ms', '99999999999'])('%j is none', (text) => {
    expect(() => parseMetricsInterval(text)).toThrow(
      `invalid --interval "${text}" (expected e.g. 500ms, 2s)`,
    );
  });
});
