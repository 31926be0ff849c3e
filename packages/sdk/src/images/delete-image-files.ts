import { rm, stat } from 'node:fs/promises';
import type { RemovedImages } from '@microsandbox/db';

/** What deleting files gave back. */
export interface DeletedFiles {
  readonly fsmeta: number;
  readonly vmdk: number;
  /** Null when no file was there to delete. */
  readonly bytesReclaimed: number | null;
}

/**
 * Deletes the cache files of what the catalog has forgotten. Best effort: a file that stays is only space.
 */
export async function deleteImageFiles(cacheDir: string, removed: RemovedImages): Promise<DeletedFiles> {
  const { CacheLayout, parseImageReference } = await import('@microsandbox/image');
  const layout = new CacheLayout(cacheDir);
  const references = removed.references.flatMap((reference) => {
    try {
      return [parseImageReference(reference).canonical];
    } catch {
      return [];
    }
  });
  const layers = await deleteAll(removed.layerDiffIds.map((diffId) => layout.layer(diffId)));
  const fsmeta = await deleteAll(removed.manifestDigests.map((digest) => layout.fsmeta(digest)));
  const vmdk = await deleteAll(removed.manifestDigests.map((digest) => layout.vmdk(digest)));
  const metadata = await deleteAll(references.map((reference) => layout.metadata(reference)));
  await Promise.all([
    ...removed.layerDiffIds.map((diffId) => remove(layout.layerLock(diffId))),
    ...removed.manifestDigests.map((digest) => remove(layout.fsmetaLock(digest))),
    ...removed.manifestDigests.map((digest) => remove(layout.vmdkLock(digest))),
    ...references.map((reference) => remove(layout.referenceLock(reference))),
  ]);
  const all = [...layers, ...fsmeta, ...vmdk, ...metadata];
  return {
    fsmeta: fsmeta.length,
    vmdk: vmdk.length,
    bytesReclaimed: all.length === 0 ? null : all.reduce((sum, size) => sum + size, 0),
  };
}

/** Deletes files and returns the sizes of those that were there. */
async function deleteAll(paths: readonly string[]): Promise<number[]> {
  const sizes = await Promise.all(paths.map(remove));
  return sizes.filter((size) => size !== null);
}

/** Deletes a file; its size, or null when it was not there or stays. */
async function remove(path: string): Promise<number | null> {
  try {
    const { size } = await stat(path);
    await rm(path);
    return size;
  } catch {
    return null;
  }
}
