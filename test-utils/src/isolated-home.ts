import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A data root of its own for one test. */
export interface IsolatedHome extends AsyncDisposable {
  /** Absolute and short, because socket paths below it must fit `sun_path`. */
  readonly path: string;
  /** Environment for child processes: this process's, with `MSB_HOME` set and every other `MSB_*` removed. */
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
  const inherited = Object.entries(process.env).filter(([key]) => !key.startsWith('MSB_'));
  return {
    path,
    env: { ...Object.fromEntries(inherited), MSB_HOME: path },
    async [Symbol.asyncDispose]() {
      if (previous === undefined) delete process.env['MSB_HOME'];
      else process.env['MSB_HOME'] = previous;
      await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}
