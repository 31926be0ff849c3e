import { ImageRepository } from '@microsandbox/db';
import { utcTimestamp } from '@microsandbox/utils';
import type { LocalBackend } from '../backend/local-backend.ts';
import { deleteImageFiles } from './delete-image-files.ts';
import { imageDiskUsage } from './image-disk-usage.ts';

const MIB = 1024 * 1024;

/** An image that was used so recently may be about to become a sandbox. */
const RECENT_MS = 10 * 60_000;

export interface CollectOptions {
  /** Images used within this time stay; 10 minutes by default. */
  readonly recentMs?: number;
}

/**
 * Removes images until the cache is no larger than `images.cache_limit_mib` of the host's settings; does nothing
 * without that. First what belongs to no image, then the images unused for longest. What a sandbox stands on, a snapshot
 * is of or somebody has just pulled stays, even if the cache then stays too large.
 *
 * @returns the references that were removed
 */
export async function collectImages(
  backend: LocalBackend,
  { recentMs = RECENT_MS }: CollectOptions = {},
): Promise<string[]> {
  const limitMib = (await backend.config()).images.cache_limit_mib;
  if (limitMib === undefined || limitMib === null) return [];
  const usage = await imageDiskUsage(backend);
  let excess = usage.totalBytes - limitMib * MIB;
  if (excess <= 0) return [];
  const { ImageCache } = await import('@microsandbox/image');
  const { cacheDir } = await backend.layout();
  const cache = new ImageCache(cacheDir);
  const images = new ImageRepository(await backend.catalog());
  excess -= (await cache.removeOrphans(await images.known())).bytes;
  const usedBefore = utcTimestamp(new Date(Date.now() - recentMs));
  const removed: string[] = [];
  for (const { reference } of usage.images.toReversed()) {
    // Whoever brings an image in now collects after that.
    if (excess <= 0 || (await cache.isInUse())) break;
    const gone = await images.removeUnused(reference, usedBefore);
    if (gone === null) continue;
    excess -= (await deleteImageFiles(cacheDir, gone)).bytes;
    removed.push(reference);
  }
  return removed;
}

/** The same for those who have something better to do: what one misses, the next finds. */
export function collectInBackground(backend: LocalBackend): void {
  collectImages(backend).catch(() => {});
}
