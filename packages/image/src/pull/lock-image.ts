import type { CacheLayout } from '../cache/cache-layout.ts';
import { lockFile } from './lock-file.ts';

/**
 * Holds the name of an image while it is brought into the cache, and keeps everybody from deleting layers meanwhile:
 * those it shares with other images may belong to no image that is complete.
 */
export async function lockImage(
  layout: CacheLayout,
  canonical: string,
  signal: AbortSignal | undefined,
): Promise<AsyncDisposable> {
  const name = await lockFile(layout.referenceLock(canonical), signal);
  try {
    const use = await lockFile(layout.useLock, signal, 'shared');
    return { [Symbol.asyncDispose]: () => release([use, name]) };
  } catch (error) {
    await name[Symbol.asyncDispose]();
    throw error;
  }
}

async function release(locks: readonly AsyncDisposable[]): Promise<void> {
  for (const lock of locks) await lock[Symbol.asyncDispose]();
}
