import { sleep } from '@microsandbox/utils';
import type { SandboxMetrics } from './sandbox-metrics.ts';

/**
 * A sample at once, then one every interval, until it is disposed. A tick that fails rejects one `recv()`; the
 * next goes on.
 */
export class MetricsStream implements AsyncIterable<SandboxMetrics>, AsyncDisposable {
  readonly #read: () => Promise<SandboxMetrics>;
  readonly #intervalMs: number;
  readonly #abort = new AbortController();
  /** Ends after its first failure: samples that are switched off do not come back. */
  readonly #endsOnFailure: boolean;
  #nextAt = 0;

  /** @internal Made by `metricsStream()` of a sandbox. */
  constructor(read: () => Promise<SandboxMetrics>, intervalMs: number, endsOnFailure: boolean) {
    this.#read = read;
    this.#intervalMs = Math.max(1, Math.trunc(intervalMs) || 0);
    this.#endsOnFailure = endsOnFailure;
  }

  /** The next sample, or null at the end. */
  async recv(): Promise<SandboxMetrics | null> {
    const { signal } = this.#abort;
    const wait = this.#nextAt - performance.now();
    if (wait > 0 && !signal.aborted) await sleep(wait, { signal }).catch(() => {});
    if (signal.aborted) return null;
    this.#nextAt = performance.now() + this.#intervalMs;
    try {
      return await this.#read();
    } catch (error) {
      if (this.#endsOnFailure) this.#abort.abort();
      throw error;
    }
  }

  /** Samples from here on. */
  async *[Symbol.asyncIterator](): AsyncGenerator<SandboxMetrics, void, void> {
    for (;;) {
      const metrics = await this.recv();
      if (metrics === null) return;
      yield metrics;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
  }
}
