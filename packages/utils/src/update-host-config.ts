import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { InvalidConfigError } from '@microsandbox/types';
import { errnoOf } from './errno.ts';
import { acquireFileLock } from './file-lock.ts';
import { writeFileAtomic } from './write-file-atomic.ts';

/** A `config.json` as it stands, with keys that this release does not know. */
export type HostConfigJson = Record<string, unknown>;

const LOCK_TIMEOUT_MS = 10_000;

/**
 * Changes a `config.json` and keeps everything else in it, also keys of other releases. One writer at a time,
 * old or new content for every reader; a missing file begins as `{}`.
 *
 * @throws InvalidConfigError when the file is no JSON object
 */
export async function updateHostConfig(
  path: string,
  change: (config: HostConfigJson) => HostConfigJson,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await using _lock = await acquireFileLock(`${path}.lock`, { timeoutMs: LOCK_TIMEOUT_MS });
  const changed = change(await readJson(path));
  await writeFileAtomic(path, `${JSON.stringify(changed, null, 2)}\n`);
}

async function readJson(path: string): Promise<HostConfigJson> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as HostConfigJson;
    throw new Error('expected an object');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return {};
    throw new InvalidConfigError(
      `invalid config: failed to parse config \`${path}\`: ${(error as Error).message}`,
      { cause: error, hint: `correct or remove ${path}` },
    );
  }
}
