import { ImageError } from '@microsandbox/types';
import { CacheLayout } from '../cache/cache-layout.ts';
import { DirectoryFiles } from '../layout/directory-files.ts';
import { OciLayout, readLayoutIndex } from '../layout/oci-layout.ts';
import { layoutEntryName, selectLayoutEntry } from '../layout/select-layout-entry.ts';
import { parseImageReference } from '../reference/parse-image-reference.ts';
import { hostPlatform } from '../registry/platform.ts';
import { fetchImage } from './fetch-image.ts';
import { pulledImage } from './find-cached.ts';
import { lockImage } from './lock-image.ts';
import type { BuildOptions, PulledImage } from './pull-options.ts';

export interface ImportOciLayoutOptions extends BuildOptions {
  /** Folder with `oci-layout`, `index.json` and `blobs`. */
  readonly directory: string;
  /** Name under which the image is cached, and by which it is chosen; the name in the folder's index if absent. */
  readonly reference?: string;
  /** Folder of the image cache; made when missing. */
  readonly cacheDir: string;
  /** Makes everything anew, whatever is cached. */
  readonly force?: boolean;
}

/**
 * Brings an image from a folder in OCI layout into the cache, as if it had been pulled: the same checks, the same
 * files.
 *
 * @throws {ImageError} when the folder holds no such image, or none with a name and none is given.
 */
export async function importOciLayout(options: ImportOciLayoutOptions): Promise<PulledImage> {
  const { directory, cacheDir, force = false, onProgress, signal } = options;
  const platform = options.platform ?? hostPlatform();
  const files = new DirectoryFiles(directory);
  const entry = selectLayoutEntry(await readLayoutIndex(files), options.reference, platform);
  const registry = new OciLayout(files, entry.digest);
  const typed = options.reference ?? layoutEntryName(entry);
  if (typed === undefined) {
    throw new ImageError('OCI layout image has no ref.name annotation', { hint: 'give it a name' });
  }
  const reference = parseImageReference(typed);
  const layout = new CacheLayout(cacheDir);
  await layout.create();
  await using _lock = await lockImage(layout, reference.canonical, signal);
  const query = { layout, reference, typed, platform, materialization: 'layered' } as const;
  const image = await fetchImage({ ...query, registry, force, onProgress, signal });
  return pulledImage(query, image, false);
}
