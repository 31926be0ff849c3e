import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A data root of its own for one test. */
export interface IsolatedHome extends AsyncDisposable {
  /** Absolute and short, because socket paths below it must fit `sun_path`. */
  readonly path: string;
  /**
   * Environment for child processes: this process's, with `MSB_HOME` set and every other `MSB_*` removed but
   * `MSB_VMM`, with which a whole suite runs on one monitor.
   */
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Makes an empty home for a test and points `MSB_HOME` of this process at it until it is disposed. `HOME` stays
 * as it is.
 *
 * @example
 * await using home = await initIsolatedHome();
 */
export async function initIsolatedHome(): Promise<IsolatedHome> {
  const path = await mkdtemp(join(tmpdir(), 'msb-'));
  const previous = process.env['MSB_HOME'];
  process.env['MSB_HOME'] = path;
  const inherited = Object.entries(process.env).filter(
    ([key]) => key === 'MSB_VMM' || !key.startsWith('MSB_'),
  );
  return {
    path,
    env: { ...Object.fromEntries(inherited), MSB_HOME: path },
    async [Symbol.asyncDispose]() {
      if (previous === undefined) delete process.env['MSB_HOME'];
      else process.env['MSB_HOME'] = previous;
      await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
      await rm(metricsRegistry(path), { force: true });
    },
  };
}

/** Where the home's metrics stand in shared memory: named by the 64-bit FNV-1a of its path. Never removed by it. */
function metricsRegistry(home: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(home)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return `/dev/shm/msb-met-${hash.toString(16).padStart(16, '0')}-v3`;
}
