import { ImageError } from '@microsandbox/types';
import { parseImageReference } from '../reference/parse-image-reference.ts';
import { INDEX_MEDIA_TYPES, MANIFEST_MEDIA_TYPES } from '../registry/media-types.ts';
import type { IndexEntry } from '../registry/parse-manifest.ts';
import { choosePlatform, formatPlatform, type Platform } from '../registry/platform.ts';

const REF_NAME = 'org.opencontainers.image.ref.name';
/** Docker and containerd write the whole name here, and only the tag into the former. */
const IMAGE_NAME = 'io.containerd.image.name';
const SHOWN_NAMES = 8;

/** Name of an entry in the index of an OCI layout; undefined when it has none. */
export function layoutEntryName({ annotations }: IndexEntry): string | undefined {
  return [annotations?.[IMAGE_NAME], annotations?.[REF_NAME]].find(
    (name): name is string => typeof name === 'string',
  );
}

/**
 * Chooses the image of an OCI layout: of those named as wanted, or of all if none is, the one for the platform.
 *
 * @throws {ImageError} when there is none, or several remain.
 */
export function selectLayoutEntry(
  entries: readonly IndexEntry[],
  wanted: string | undefined,
  platform: Platform,
): IndexEntry {
  const images = entries.filter(
    ({ mediaType }) => mediaType == null || MANIFEST_MEDIA_TYPES.includes(mediaType),
  );
  const named = wanted === undefined ? [] : images.filter((entry) => isNamed(entry, wanted));
  const candidates = named.length > 0 ? named : images;
  const fitting = candidates.filter((entry) => isEntryFor(entry, platform));
  const [only] = fitting;
  if (only === undefined) {
    throw new ImageError(
      `OCI layout contains no image manifests for the platform ${formatPlatform(platform)}`,
    );
  }
  if (fitting.length === 1 || fitting.every(({ digest }) => digest === only.digest)) return only;
  if (named.length > 0) return choosePlatform(fitting, platform) ?? only;
  const names = fitting.map((entry) => layoutEntryName(entry) ?? entry.digest);
  throw new ImageError(`OCI layout contains several images: ${names.slice(0, SHOWN_NAMES).join(', ')}`, {
    hint: 'say which one by its name',
  });
}

/** The entries that are images, or indexes of some. */
export function layoutImages(entries: readonly IndexEntry[]): IndexEntry[] {
  return entries.filter(({ mediaType }) => mediaType == null || MANIFEST_MEDIA_TYPES.includes(mediaType));
}

/** By the name as written, by the same name written otherwise, or by its tag alone. */
function isNamed(entry: IndexEntry, wanted: string): boolean {
  const names = [entry.annotations?.[IMAGE_NAME], entry.annotations?.[REF_NAME]];
  const reference = parseImageReference(wanted);
  return names.some(
    (name) =>
      typeof name === 'string' &&
      (name === wanted || name === reference.tag || canonical(name) === reference.canonical),
  );
}

function canonical(name: string): string | undefined {
  try {
    return parseImageReference(name).canonical;
  } catch {
    return undefined;
  }
}

/**
 * Whether an entry may hold an image for the platform. One without a platform may; the index of an image for several
 * platforms may carry one of its own that says nothing.
 */
export function isEntryFor(entry: IndexEntry, platform: Platform): boolean {
  if (entry.platform == null) return true;
  if (entry.mediaType != null && INDEX_MEDIA_TYPES.includes(entry.mediaType)) return true;
  return choosePlatform([entry], platform) !== undefined;
}
