import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '@microsandbox/utils';
import { bootId } from './boot-id.ts';

/**
 * What `find` finds, remembered until the host restarts or `identity` changes: `probe/<boot id>.<name>.json` in the
 * cache. Without a cache folder, or where it cannot be written, nothing is remembered.
 *
 * @param identity changes whenever the answer could
 */
export async function cachedProbe<T>(
  cacheDir: string | undefined,
  name: string,
  identity: string,
  find: () => Promise<T>,
): Promise<T> {
  const boot = await bootId();
  if (cacheDir === undefined || boot === null) return await find();
  const folder = join(cacheDir, 'probe');
  const path = join(folder, `${boot}.${name}.json`);
  const known = await readMemo<T>(path, identity);
  if (known !== null) return known.found;
  const found = await find();
  await keep(folder, path, { identity, found }).catch(() => {});
  await forgetOtherBoots(folder, boot).catch(() => {});
  return found;
}

interface Memo<T> {
  readonly identity: string;
  readonly found: T;
}

async function readMemo<T>(path: string, identity: string): Promise<Memo<T> | null> {
  try {
    const memo = JSON.parse(await readFile(path, 'utf8')) as Memo<T>;
    return memo.identity === identity && memo.found !== undefined ? memo : null;
  } catch {
    return null;
  }
}

async function keep(folder: string, path: string, memo: Memo<unknown>): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFileAtomic(path, JSON.stringify(memo));
}

async function forgetOtherBoots(folder: string, boot: string): Promise<void> {
  const stale = (await readdir(folder)).filter((name) => !name.startsWith(boot));
  await Promise.all(stale.map((name) => rm(join(folder, name), { force: true })));
}
