import { sleep } from '@microsandbox/utils';
import { RegistryFailure } from './registry-failure.ts';

/** Tries after the first. */
export const MAX_RETRIES = 3;
const FIRST_DELAY_MS = 250;
/** A server that asks for a longer pause is not waited for. */
const MAX_DELAY_MS = 20_000;

/**
 * How long to wait before trying again after `failures` failures in a row, milliseconds; undefined when another try
 * is pointless.
 */
export function retryDelay(error: unknown, failures: number, maxRetries = MAX_RETRIES): number | undefined {
  if (!(error instanceof RegistryFailure) || !error.isTransient || failures > maxRetries) return undefined;
  const { retryAfterMs } = error;
  if (retryAfterMs !== undefined) return retryAfterMs > MAX_DELAY_MS ? undefined : retryAfterMs;
  // A random half, so that clients that failed together do not come back together.
  return FIRST_DELAY_MS * 2 ** (failures - 1) * (0.5 + Math.random() / 2);
}

/** Runs a request again after failures that may pass. */
export async function withRetries<T>(
  request: () => Promise<T>,
  signal: AbortSignal | undefined,
  maxRetries = MAX_RETRIES,
): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await request();
    } catch (error) {
      const delay = retryDelay(error, failures, maxRetries);
      if (delay === undefined) throw error;
      await sleep(delay, { signal });
    }
  }
}
