import { CustomError } from '@microsandbox/types';
import { formatDuration, sleep } from '@microsandbox/utils';
import { type MetricsReport, Sandbox, sandboxMetricsReports } from 'microsandbox';
import type { MetricsOptions, MetricsOrder } from '../commands/metrics.ts';
import { isEnding } from '../errors/ending.ts';
import { metricsJson } from '../metrics/metrics-json.ts';
import { type MetricsRow, metricsTable } from '../metrics/metrics-table.ts';
import { RateTracker } from '../metrics/rate-tracker.ts';
import { paintOut } from '../output/colour.ts';
import { renderJson } from '../output/json.ts';
import { isTerminal, STDOUT } from '../output/terminal.ts';
import { writeErr, writeOut } from '../output/write.ts';
import { parseMetricsInterval } from '../values/metrics-interval.ts';

/** The one-shot table looks again this often, and this many times, for rates to come. */
const RATE_WINDOW_MS = 500;
const RATE_WINDOWS = 4;

const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
const CLEAR_SCREEN = '\x1b[2J\x1b[H';
const NONE = 'No running sandboxes.\n';

/** `msb metrics` (spec: cli 6.13): once as a table or JSON, or again and again until Ctrl-C. */
export async function showMetrics(name: string | undefined, options: MetricsOptions): Promise<number> {
  const intervalMs = parseMetricsInterval(options.interval ?? '1s');
  if (name !== undefined) await Sandbox.get(name);
  const look = (): Promise<MetricsReport[]> => reportsOf(name, options.all === true);
  if (options.follow) return await untilInterrupted(() => follow(look, intervalMs));
  if (options.watch) return await watch(look, intervalMs, options.sort);
  if (options.format === 'json') {
    const reports = (await look()).map(metricsJson);
    writeOut(renderJson(name === undefined ? reports : reports[0]));
    return 0;
  }
  const rows = await rowsWithRates(look);
  if (rows.length === 0) writeErr(NONE);
  else writeOut(metricsTable(sorted(rows, options.sort), paintOut));
  return 0;
}

/** @throws CustomError for a sandbox that was never sampled */
async function reportsOf(name: string | undefined, all: boolean): Promise<MetricsReport[]> {
  const reports = await sandboxMetricsReports();
  if (name === undefined) return all ? reports : reports.filter(({ state }) => state !== 'exited');
  const report = reports.find((candidate) => candidate.name === name);
  if (report === undefined) throw new CustomError(`no metrics recorded for sandbox "${name}"`);
  return [report];
}

/** Looks until every running sandbox has rates, but not for long. */
async function rowsWithRates(look: () => Promise<MetricsReport[]>): Promise<MetricsRow[]> {
  const tracker = new RateTracker();
  let rows = rowsOf(await look(), tracker);
  for (let window = 0; window < RATE_WINDOWS; window += 1) {
    if (rows.every(({ report, rates }) => report.state !== 'running' || rates !== null)) break;
    await sleep(RATE_WINDOW_MS);
    rows = rowsOf(await look(), tracker);
  }
  return rows;
}

function rowsOf(reports: readonly MetricsReport[], tracker: RateTracker): MetricsRow[] {
  return reports.map((report) => ({ report, rates: tracker.observe(report) }));
}

/** By name, or the biggest first. */
function sorted(rows: readonly MetricsRow[], order: MetricsOrder = 'name'): MetricsRow[] {
  if (order === 'name') return [...rows];
  const size = ({ report: { metrics } }: MetricsRow): number =>
    order === 'cpu' ? metrics.cpuPercent : metrics.memoryBytes;
  // Equal ones keep their order, which is by name.
  return rows.toSorted((left, right) => size(right) - size(left));
}

async function watch(
  look: () => Promise<MetricsReport[]>,
  intervalMs: number,
  order: MetricsOrder | undefined,
): Promise<number> {
  if (!isTerminal(STDOUT)) {
    throw new CustomError('--watch requires a terminal; use --follow for machine-readable streaming');
  }
  const pace = intervalMs < 1000 ? `${intervalMs}ms` : formatDuration(intervalMs);
  const heading = paintOut('dim', `every ${pace}  ·  ctrl-c to quit`);
  const tracker = new RateTracker();
  writeOut(HIDE_CURSOR);
  try {
    return await untilInterrupted(async () => {
      for (;;) {
        const rows = rowsOf(await look(), tracker);
        const body = rows.length === 0 ? NONE : metricsTable(sorted(rows, order), paintOut);
        writeOut(`${CLEAR_SCREEN}${heading}\n\n${body}`);
        await sleep(intervalMs);
      }
    });
  } finally {
    writeOut(SHOW_CURSOR);
  }
}

async function follow(look: () => Promise<MetricsReport[]>, intervalMs: number): Promise<never> {
  for (;;) {
    for (const report of await look()) writeOut(`${JSON.stringify(metricsJson(report))}\n`);
    await sleep(intervalMs);
  }
}

/** Runs what has no end of its own until Ctrl-C or SIGTERM, or until nobody reads any more. @returns the exit code */
async function untilInterrupted(endless: () => Promise<never>): Promise<number> {
  let stop = (): void => {};
  const interrupted = new Promise<number>((resolve) => {
    stop = () => resolve(0);
  });
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    return await Promise.race([endless(), interrupted]);
  } catch (error) {
    if (isEnding(error)) return error.exitCode;
    throw error;
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}
