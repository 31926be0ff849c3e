import { CacheLayout } from '../cache/cache-layout.ts';
import { parseImageReference } from '../reference/parse-image-reference.ts';
import { hostPlatform } from '../registry/platform.ts';
import { findCached } from './find-cached.ts';
import type { CachedPullOptions, PulledImage, PullOptions } from './pull-options.ts';

/**
 * Looks an image up in the cache without a lock and without the network; null when it is not there whole, or when the
 * options ask to look at the registry anyway.
 *
 * @throws {InvalidConfigError} when the reference is none.
 */
export async function pullCached(
  options: CachedPullOptions & Pick<PullOptions, 'platform'>,
): Promise<PulledImage | null> {
  const { reference: typed, cacheDir, pullPolicy, force, materialization = 'layered' } = options;
  const reference = parseImageReference(typed);
  if (force || pullPolicy === 'always') return null;
  const platform = options.platform ?? hostPlatform();
  const layout = new CacheLayout(cacheDir);
  return findCached({ layout, reference, typed, platform, materialization });
}
