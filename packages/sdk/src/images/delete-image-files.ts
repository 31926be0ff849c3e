import type { RemovedImages } from '@microsandbox/db';
import type { RemovedFiles } from '@microsandbox/image';

/**
 * Deletes the cache files of what the catalog has forgotten, except what another cached image uses. Best effort: a
 * file that stays is only space, and a prune finds it later.
 */
export async function deleteImageFiles(cacheDir: string, removed: RemovedImages): Promise<RemovedFiles> {
  const { ImageCache, parseImageReference } = await import('@microsandbox/image');
  return new ImageCache(cacheDir).removeFiles({
    references: removed.references.map(parseImageReference),
    manifestDigests: removed.manifestDigests,
    diffIds: removed.layerDiffIds,
  });
}
