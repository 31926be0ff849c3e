import type { CachedImage } from '@microsandbox/types';
import type { CacheLayout } from '../cache/cache-layout.ts';
import { hasAllLayers, imageFiles, isComplete } from '../cache/image-files.ts';
import { readImageMetadata } from '../cache/image-metadata.ts';
import { type FlatImage, findFlat } from '../flat/materialize-flat.ts';
import type { ImageReference } from '../reference/image-reference.ts';
import type { Platform } from '../registry/platform.ts';
import { assembleImage } from './assemble-image.ts';
import type { Materialization, PulledImage } from './pull-options.ts';

export interface CacheQuery {
  readonly layout: CacheLayout;
  readonly reference: ImageReference;
  /** As the user wrote it. */
  readonly typed: string;
  readonly platform: Platform;
  readonly materialization: Materialization;
}

/** The image of that name if it is cached whole and for the platform, else null. Takes no lock, writes nothing. */
export async function findCached(query: CacheQuery): Promise<PulledImage | null> {
  const image = await readUsable(query);
  if (image === null) return null;
  const files = imageFiles(query.layout, image);
  const isThere = query.materialization === 'flat' ? await hasAllLayers(files) : await isComplete(files);
  if (!isThere) return null;
  const flat = await wantedFlat(query, image);
  if (flat === null && query.materialization !== 'layered') return null;
  return { reference: query.typed, image, ...files, flat, cached: true };
}

/**
 * The image of that name if its layers are cached; what is made of them is made anew where it is missing or names
 * files that have moved. Needs no registry.
 */
export async function repairCached(
  query: CacheQuery,
  signal: AbortSignal | undefined,
): Promise<PulledImage | null> {
  const { layout, materialization, platform } = query;
  const image = await readUsable(query);
  if (image === null || !(await hasAllLayers(imageFiles(layout, image)))) return null;
  await assembleImage({
    layout,
    image,
    platform,
    materialization,
    built: new Map(),
    force: false,
    onProgress: undefined,
    signal,
  });
  return pulledImage(query, image, true);
}

/** The image, all of whose files are there. */
export async function pulledImage(
  query: Omit<CacheQuery, 'reference'>,
  image: CachedImage,
  cached: boolean,
): Promise<PulledImage> {
  const files = imageFiles(query.layout, image);
  return { reference: query.typed, image, ...files, flat: await wantedFlat(query, image), cached };
}

async function wantedFlat(
  { layout, platform, materialization }: Omit<CacheQuery, 'reference'>,
  image: CachedImage,
): Promise<FlatImage | null> {
  return materialization === 'layered' ? null : findFlat({ layout, image, platform });
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
