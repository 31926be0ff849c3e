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
 * Deletes the cache files of what the catalog has forgotten, except what another cached image uses. Best
 * effort: a file that stays is only space. Lock files stay always, because a lock on a removed file excludes
 * nobody.
 */
export async function deleteImageFiles(cacheDir: string, removed: RemovedImages): Promise<DeletedFiles> {
  const { ImageCache, parseImageReference } = await import('@microsandbox/image');
  const cache = new ImageCache(cacheDir);
  const { layout } = cache;
  const names = removed.references.map((reference) => parseImageReference(reference).canonical);
  const metadata = await deleteAll(names.map((name) => layout.metadata(name)));
  const others = await cache.list();
  const manifests = new Set(others.map(({ manifest_digest }) => manifest_digest));
  const diffIds = new Set(others.flatMap(({ layers }) => layers.map(({ diff_id }) => diff_id)));
  const unusedManifests = removed.manifestDigests.filter((digest) => !manifests.has(digest));
  const unusedLayers = removed.layerDiffIds.filter((diffId) => !diffIds.has(diffId));
  const vmdk = await deleteAll(unusedManifests.map((digest) => layout.vmdk(digest)));
  const fsmeta = await deleteAll(unusedManifests.map((digest) => layout.fsmeta(digest)));
  const layers = await deleteAll(unusedLayers.map((diffId) => layout.layer(diffId)));
  const all = [...metadata, ...vmdk, ...fsmeta, ...layers];
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
