import { ImageNotFoundError } from '@microsandbox/types';
import { CacheLayout } from '../cache/cache-layout.ts';
import { parseImageReference } from '../reference/parse-image-reference.ts';
import { openRegistry } from '../registry/open-registry.ts';
import { hostPlatform } from '../registry/platform.ts';
import { fetchImage } from './fetch-image.ts';
import { type CacheQuery, findCached, pulledImage, repairCached } from './find-cached.ts';
import { lockImage } from './lock-image.ts';
import type { PulledImage, PullOptions } from './pull-options.ts';
import { reportResolved } from './report-resolved.ts';

/**
 * Makes sure that an image is in the cache, ready to boot from; pulls it from its registry when it is not, or when
 * the options say so. Several processes that pull one image share the work. A pull that was interrupted, at whatever
 * point, is continued by the next.
 *
 * @throws {ImageNotFoundError} when the registry has no such image, or it may not be asked.
 * @throws {MicrosandboxError} `registryUnreachable`, `registryUnauthorized`, `digestMismatch`, `noSpace`, `image`,
 * `invalidConfig`; the signal's reason when it aborts.
 */
export async function pullImage(options: PullOptions): Promise<PulledImage> {
  const {
    reference: typed,
    cacheDir,
    pullPolicy = 'if-missing',
    force = false,
    materialization = 'layered',
    onProgress,
    signal,
  } = options;
  const reference = parseImageReference(typed);
  const platform = options.platform ?? hostPlatform();
  const layout = new CacheLayout(cacheDir);
  const query: CacheQuery = { layout, reference, typed, platform, materialization };
  await using registry = openRegistry(options.registry);
  await layout.create();
  await using _lock = await lockImage(layout, reference.canonical, signal);
  if (!force && pullPolicy !== 'always') {
    const cached = await fromCache(query, options);
    if (cached !== null) return cached;
  }
  if (pullPolicy === 'never') {
    throw new ImageNotFoundError(`image not cached: ${typed}`, { hint: `pull it first: msb pull ${typed}` });
  }
  const image = await fetchImage({ ...query, registry, force, onProgress, signal });
  return pulledImage(query, image, false);
}

/** What another process pulled meanwhile, or what can be completed without the registry. */
async function fromCache(
  query: CacheQuery,
  { onProgress, signal }: PullOptions,
): Promise<PulledImage | null> {
  const cached = (await findCached(query)) ?? (await repairCached(query, signal));
  if (cached === null) return null;
  const { typed } = query;
  onProgress?.({ kind: 'resolving', reference: typed });
  reportResolved(onProgress, typed, cached.image);
  onProgress?.({ kind: 'complete', reference: typed, layerCount: cached.layerPaths.length });
  return cached;
}
