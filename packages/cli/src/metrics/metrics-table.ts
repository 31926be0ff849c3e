import { formatBytes, formatDuration } from '@microsandbox/utils';
import type { MetricsReport } from 'microsandbox';
import type { Paint, Style } from '../output/colour.ts';
import { renderTable } from '../output/table.ts';
import type { MetricsRates } from './rate-tracker.ts';

/** One sandbox, as the table shows it. */
export interface MetricsRow {
  readonly report: MetricsReport;
  readonly rates: MetricsRates | null;
}

const HEADER = ['NAME', 'STATE', 'CPU', 'MEM', 'DISK R/W /s', 'NET RX/TX /s', 'UPTIME'];
const NOTHING = '—';

const STATE_STYLES: Readonly<Record<MetricsReport['state'], Style>> = {
  running: 'greenBold',
  stalled: 'yellowBold',
  exited: 'dim',
};

/** The table of `msb metrics` (spec: cli 6.13). Rows of runs that are over are dim. */
export function metricsTable(rows: readonly MetricsRow[], paint: Paint): string {
  const cells = rows.map((row) => {
    const texts = rowCells(row, paint);
    return row.report.state === 'exited' ? texts.map((text) => paint('dim', text)) : texts;
  });
  return renderTable(HEADER, cells, paint);
}

function rowCells({ report, rates }: MetricsRow, paint: Paint): string[] {
  const { name, state, metrics } = report;
  return [
    name,
    state === 'exited' ? state : paint(STATE_STYLES[state], state),
    state === 'running' ? cpu(report) : NOTHING,
    `${formatBytes(metrics.memoryBytes)} / ${formatBytes(metrics.memoryLimitBytes)}`,
    flow(report, rates && [rates.diskRead, rates.diskWrite], [metrics.diskReadBytes, metrics.diskWriteBytes]),
    flow(report, rates && [rates.netRx, rates.netTx], [metrics.netRxBytes, metrics.netTxBytes]),
    uptime(report, paint),
  ];
}

/** `0.80 / 2c`: processors in use, of those the machine has. */
function cpu({ cpus, metrics: { cpuPercent } }: MetricsReport): string {
  return cpus === null ? `${cpuPercent.toFixed(1)}%` : `${(cpuPercent / 100).toFixed(2)} / ${cpus}c`;
}

/** Rates of what runs, sums of what is over. */
function flow(
  { state }: MetricsReport,
  rates: readonly [number, number] | null,
  totals: readonly [number, number],
): string {
  const pair = ([one, other]: readonly [number, number]): string =>
    `${formatBytes(Math.round(one))} / ${formatBytes(Math.round(other))}`;
  if (state === 'exited') return `${pair(totals)} total`;
  return state === 'stalled' || rates === null ? NOTHING : pair(rates);
}

function uptime({ state, sampleAgeMs, metrics }: MetricsReport, paint: Paint): string {
  switch (state) {
    case 'running':
      return formatDuration(metrics.uptimeMs);
    case 'stalled':
      return paint('yellow', `no sample ${formatDuration(sampleAgeMs)}`);
    case 'exited':
      return `ran ${formatDuration(metrics.uptimeMs)}`;
  }
}
