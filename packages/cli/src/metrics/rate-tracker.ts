import type { MetricsReport, SandboxMetrics } from 'microsandbox';

/** Bytes a second of one run. */
export interface MetricsRates {
  readonly diskRead: number;
  readonly diskWrite: number;
  readonly netRx: number;
  readonly netTx: number;
}

/**
 * Rates of counters from two samples of the same run (spec: cli 6.13). Two looks at one sample keep the rate of
 * before; a counter that went backwards counts as standing still.
 */
export class RateTracker {
  readonly #seen = new Map<
    number,
    { readonly metrics: SandboxMetrics; readonly rates: MetricsRates | null }
  >();

  /** Takes notice of a report. @returns its rates, or null before its run's second sample */
  observe({ runId, metrics }: Pick<MetricsReport, 'runId' | 'metrics'>): MetricsRates | null {
    const before = this.#seen.get(runId);
    const rates = before === undefined ? null : (ratesBetween(before.metrics, metrics) ?? before.rates);
    this.#seen.set(runId, { metrics, rates });
    return rates;
  }
}

function ratesBetween(before: SandboxMetrics, after: SandboxMetrics): MetricsRates | null {
  const seconds = (after.timestamp.getTime() - before.timestamp.getTime()) / 1000;
  if (seconds <= 0) return null;
  const rate = (from: number, to: number): number => Math.max(0, to - from) / seconds;
  return {
    diskRead: rate(before.diskReadBytes, after.diskReadBytes),
    diskWrite: rate(before.diskWriteBytes, after.diskWriteBytes),
    netRx: rate(before.netRxBytes, after.netRxBytes),
    netTx: rate(before.netTxBytes, after.netTxBytes),
  };
}
