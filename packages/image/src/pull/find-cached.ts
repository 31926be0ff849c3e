import type { CachedImage } from '@microsandbox/types';
import type { CacheLayout } from '../cache/cache-layout.ts';
import { hasAllLayers, imageFiles, isComplete } from '../cache/image-files.ts';
import { readImageMetadata } from '../cache/image-metadata.ts';
import type { ImageReference } from '../reference/image-reference.ts';
import type { Platform } from '../registry/platform.ts';
import type { PulledImage } from './pull-options.ts';
import { stitchImage } from './stitch-image.ts';

export interface CacheQuery {
  readonly layout: CacheLayout;
  readonly reference: ImageReference;
  /** As the user wrote it. */
  readonly typed: string;
  readonly platform: Platform;
}

/** The image of that name if it is cached whole and for the platform, else null. Takes no lock, writes nothing. */
export async function findCached(query: CacheQuery): Promise<PulledImage | null> {
  const image = await readUsable(query);
  if (image === null || !(await isComplete(imageFiles(query.layout, image)))) return null;
  return pulledImage(query, image, true);
}

/**
 * The image of that name if its layers are cached; what is made of them is made anew where it is missing or names
 * files that have moved. Needs no registry.
 */
export async function repairCached(
  query: CacheQuery,
  signal: AbortSignal | undefined,
): Promise<PulledImage | null> {
  const { layout } = query;
  const image = await readUsable(query);
  if (image === null || !(await hasAllLayers(imageFiles(layout, image)))) return null;
  await stitchImage({ layout, image, built: new Map(), force: false, onProgress: undefined, signal });
  return pulledImage(query, image, true);
}

export function pulledImage(
  { layout, typed }: Pick<CacheQuery, 'layout' | 'typed'>,
  image: CachedImage,
  cached: boolean,
): PulledImage {
  return { reference: typed, image, ...imageFiles(layout, image), cached };
}

async function readUsable({ layout, reference, platform }: CacheQuery): Promise<CachedImage | null> {
  const image = await readImageMetadata(layout.metadata(reference.canonical));
  return image !== null && hasUsableDigests(layout, image) && isFor(image, platform) ? image : null;
}

/** Digests of a file that others may have written become file names. */
function hasUsableDigests(layout: CacheLayout, image: CachedImage): boolean {
  try {
    imageFiles(layout, image);
    return true;
  } catch {
    return false;
  }
}

/** Images whose configuration names no platform are for any. */
function isFor(image: CachedImage, { os, architecture }: Platform): boolean {
  try {
    const config = JSON.parse(image.raw_config_json) as {
      readonly os?: unknown;
      readonly architecture?: unknown;
    };
    return (config.os || os) === os && (config.architecture || architecture) === architecture;
  } catch {
    return true;
  }
}
