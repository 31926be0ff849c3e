import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { CachedImage } from '@microsandbox/types';
import { acquireFileLock, errnoOf } from '@microsandbox/utils';
import { hostFileError } from '../io/host-file-error.ts';
import type { ImageReference } from '../reference/image-reference.ts';
import { CacheLayout } from './cache-layout.ts';
import { imageFiles } from './image-files.ts';
import { readImageMetadata } from './image-metadata.ts';

/** What a removal took away. */
export interface RemovedFiles {
  readonly metadata: number;
  readonly layers: number;
  readonly fsmeta: number;
  readonly vmdk: number;
  readonly bytes: number;
}

/**
 * The cache of images in a folder, without a database: what is there, and how it goes. Lock files stay, since a lock
 * on a file that has been removed excludes nobody.
 */
export class ImageCache {
  readonly layout: CacheLayout;

  constructor(cacheDir: string) {
    this.layout = new CacheLayout(cacheDir);
  }

  /** Metadata of the image of that name, or null. */
  readMetadata(reference: ImageReference): Promise<CachedImage | null> {
    return readImageMetadata(this.layout.metadata(reference.canonical));
  }

  /** Metadata of all images, in no order. A name cannot be told from it; files that cannot be read are left out. */
  async list(): Promise<CachedImage[]> {
    const images: CachedImage[] = [];
    for (const file of await this.#metadataFiles()) {
      const image = await readImageMetadata(file);
      if (image !== null) images.push(image);
    }
    return images;
  }

  /** Metadata of an image with that manifest digest, whatever its name, or null. */
  async findByManifestDigest(manifestDigest: string): Promise<CachedImage | null> {
    for (const file of await this.#metadataFiles()) {
      const image = await readImageMetadata(file);
      if (image?.manifest_digest === manifestDigest) return image;
    }
    return null;
  }

  /**
   * Removes the image of that name: its metadata, and whatever no other image of the cache uses. `keep` says which
   * further files must stay: images that only a database knows of.
   */
  async remove(
    reference: ImageReference,
    keep: { readonly manifestDigests?: ReadonlySet<string>; readonly diffIds?: ReadonlySet<string> } = {},
  ): Promise<RemovedFiles> {
    await using _lock = await acquireFileLock(this.layout.referenceLock(reference.canonical));
    const image = await this.readMetadata(reference);
    const metadata = await removeFile(this.layout.metadata(reference.canonical));
    const removed = { metadata: count(metadata), layers: 0, fsmeta: 0, vmdk: 0, bytes: metadata ?? 0 };
    if (image === null) return removed;

    const others = await this.list();
    const manifests = new Set([
      ...others.map((other) => other.manifest_digest),
      ...(keep.manifestDigests ?? []),
    ]);
    const layers = new Set([...others.flatMap(diffIds), ...(keep.diffIds ?? [])]);
    const { vmdkPath, fsmetaPath } = imageFiles(this.layout, image);
    if (!manifests.has(image.manifest_digest)) {
      const vmdk = await removeFile(vmdkPath);
      const fsmeta = await removeFile(fsmetaPath);
      removed.vmdk = count(vmdk);
      removed.fsmeta = count(fsmeta);
      removed.bytes += (vmdk ?? 0) + (fsmeta ?? 0);
    }
    for (const diffId of new Set(diffIds(image))) {
      if (layers.has(diffId)) continue;
      const bytes = await removeFile(this.layout.layer(diffId));
      removed.layers += count(bytes);
      removed.bytes += bytes ?? 0;
    }
    return removed;
  }

  async #metadataFiles(): Promise<string[]> {
    const folder = this.layout.manifestsDir;
    try {
      const names = await readdir(folder);
      return names.filter((name) => /^[0-9a-f]{64}\.json$/.test(name)).map((name) => join(folder, name));
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return [];
      throw hostFileError('read', folder, error);
    }
  }
}

function diffIds(image: CachedImage): string[] {
  return image.layers.map(({ diff_id }) => diff_id);
}

function count(bytes: number | null): number {
  return bytes === null ? 0 : 1;
}

/** Removes a file; its length, or null when it was not there. */
async function removeFile(path: string): Promise<number | null> {
  try {
    const { size } = await stat(path);
    await rm(path);
    return size;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw hostFileError('write', path, error);
  }
}
