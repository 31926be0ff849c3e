import { type CachedImage, ImageNotFoundError } from '@microsandbox/types';
import { lockImage } from '../pull/lock-image.ts';
import { parseImageReference } from '../reference/parse-image-reference.ts';
import { ImageCache } from './image-cache.ts';
import { writeImageMetadata } from './image-metadata.ts';

export interface TagImageOptions {
  /** Folder of the image cache. */
  readonly cacheDir: string;
  /** Name of a cached image. */
  readonly source: string;
  /** Its new name; one that is taken then means this image. */
  readonly target: string;
  /** Finds the image when another of its names was removed. */
  readonly manifestDigest?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Gives a cached image a further name.
 *
 * @throws {ImageNotFoundError} when it is not cached.
 * @throws {InvalidConfigError} when a name is none.
 */
export async function tagImage(options: TagImageOptions): Promise<CachedImage> {
  const { cacheDir, source, target, manifestDigest, signal } = options;
  const cache = new ImageCache(cacheDir);
  const { canonical } = parseImageReference(target);
  const from = parseImageReference(source);
  await cache.layout.create();
  await using _lock = await lockImage(cache.layout, canonical, signal);
  const named = await cache.readMetadata(from);
  const isThere = named !== null && (manifestDigest ?? named.manifest_digest) === named.manifest_digest;
  const image =
    isThere || manifestDigest === undefined ? named : await cache.findByManifestDigest(manifestDigest);
  if (image === null) {
    throw new ImageNotFoundError(`image not found: ${source}`, { hint: `pull it first: msb pull ${source}` });
  }
  await writeImageMetadata(cache.layout.metadata(canonical), image);
  return image;
}
