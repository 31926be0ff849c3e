import { ImageError } from '@microsandbox/types';
import { CacheLayout } from '../cache/cache-layout.ts';
import { fetchImage } from '../pull/fetch-image.ts';
import { pulledImage } from '../pull/find-cached.ts';
import { lockImage } from '../pull/lock-image.ts';
import type { BuildOptions, PulledImage } from '../pull/pull-options.ts';
import { parseImageReference } from '../reference/parse-image-reference.ts';
import { hostPlatform, type Platform } from '../registry/platform.ts';
import { ArchiveFiles } from './archive-files.ts';
import type { ArchiveImage } from './archive-image.ts';
import { dockerArchiveImages } from './docker-archive.ts';
import { ociArchiveImages } from './oci-archive.ts';
import { type ArchiveInput, stageArchive } from './stage-archive.ts';

export interface LoadArchiveOptions extends BuildOptions {
  /** File or bytes of the archive: tar, plain or packed with gzip or zstd. */
  readonly input: ArchiveInput;
  /** Further names for the first image. */
  readonly tags?: readonly string[];
  /** Folder of the image cache; made when missing. */
  readonly cacheDir: string;
}

/**
 * Brings the images of an archive into the cache: what `docker save`, `podman save`, skopeo or buildah wrote. One
 * result for every name of every image.
 *
 * @throws {ImageError} when it is no such archive, or an image has no name.
 */
export async function loadArchive(options: LoadArchiveOptions): Promise<PulledImage[]> {
  const { input, tags = [], cacheDir, platform = hostPlatform(), signal } = options;
  for (const tag of tags) parseImageReference(tag);
  const layout = new CacheLayout(cacheDir);
  await layout.create();
  await using staged = await stageArchive(input, layout.temporaryDir, signal);
  await using files = await ArchiveFiles.open(staged.path, staged.name);
  const images = await listImages(files, tags, platform);
  const loaded: PulledImage[] = [];
  for (const { references, source } of images) {
    for (const typed of references) loaded.push(await loadImage(layout, source, typed, platform, options));
  }
  return loaded;
}

/** Modern `docker save` writes both forms; Docker's own says more about names. */
function listImages(
  files: ArchiveFiles,
  tags: readonly string[],
  platform: Platform,
): Promise<ArchiveImage[]> {
  if (files.has('manifest.json')) return dockerArchiveImages(files, tags);
  if (files.has('oci-layout')) return ociArchiveImages(files, tags, platform);
  throw new ImageError('archive missing manifest.json or oci-layout', {
    hint: 'give an archive that docker save, podman save or skopeo wrote',
  });
}

async function loadImage(
  layout: CacheLayout,
  registry: ArchiveImage['source'],
  typed: string,
  platform: Platform,
  { onProgress, signal }: BuildOptions,
): Promise<PulledImage> {
  const reference = parseImageReference(typed);
  await using _lock = await lockImage(layout, reference.canonical, signal);
  const query = { layout, reference, typed, platform, materialization: 'layered' } as const;
  const image = await fetchImage({ ...query, registry, force: false, onProgress, signal });
  return pulledImage(query, image, false);
}
