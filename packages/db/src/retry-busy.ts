import { sleep } from '@microsandbox/utils';
import Database from 'better-sqlite3';

const MIN_ATTEMPTS = 8;
const FIRST_DELAY_MS = 10;
const MAX_DELAY_MS = 500;

/** Result codes after which the whole operation may simply be tried again. */
const BUSY_CODES: ReadonlySet<string> = new Set([
  'SQLITE_BUSY',
  'SQLITE_BUSY_SNAPSHOT',
  'SQLITE_BUSY_RECOVERY',
]);

/** Whether another connection stood in the way. */
export function isBusy(error: unknown): boolean {
  return error instanceof Database.SqliteError && BUSY_CODES.has(error.code);
}

/**
 * Runs a synchronous database operation, and again from scratch while another process is in the way. The
 * waiting is done here and not in SQLite's own busy handler, which would block the event loop: 10 ms doubling
 * to 500 ms, with jitter so that waiters do not march in step; at least 8 attempts and at least `patienceMs`
 * (spec: state 5).
 *
 * @throws the last error
 */
export async function retryBusy<T>(operation: () => T, patienceMs: number): Promise<T> {
  const deadline = performance.now() + patienceMs;
  for (let attempt = 1, delay = FIRST_DELAY_MS; ; attempt += 1, delay = Math.min(delay * 2, MAX_DELAY_MS)) {
    try {
      return operation();
    } catch (error) {
      if (!isBusy(error) || (attempt >= MIN_ATTEMPTS && performance.now() >= deadline)) throw error;
    }
    await sleep(delay * (0.5 + Math.random() / 2));
  }
}
