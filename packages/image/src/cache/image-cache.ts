import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { CachedImage } from '@microsandbox/types';
import { acquireFileLock, errnoOf, tryFileLock } from '@microsandbox/utils';
import { hostFileError } from '../io/host-file-error.ts';
import type { ImageReference } from '../reference/image-reference.ts';
import { CacheLayout } from './cache-layout.ts';
import { readImageMetadata } from './image-metadata.ts';
import { removeFlat } from './remove-flat.ts';
import { removeOrphanFiles } from './remove-orphan-files.ts';
import { FileRemoval, type RemovedFiles } from './removed-files.ts';

/** Files that must stay, by what they are of. */
export interface KeptFiles {
  readonly manifestDigests: ReadonlySet<string>;
  readonly diffIds: ReadonlySet<string>;
}

/** Files that may go, by what they are of. */
export interface UnusedFiles {
  readonly references: readonly Pick<ImageReference, 'canonical'>[];
  readonly manifestDigests: readonly string[];
  readonly diffIds: readonly string[];
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
  async remove(reference: ImageReference, keep: Partial<KeptFiles> = {}): Promise<RemovedFiles> {
    await using _lock = await acquireFileLock(this.layout.referenceLock(reference.canonical));
    const image = await this.readMetadata(reference);
    const kept = { manifestDigests: keep.manifestDigests ?? new Set(), diffIds: keep.diffIds ?? new Set() };
    return this.removeFiles({
      references: [reference],
      manifestDigests: image === null ? [] : [image.manifest_digest].filter(notIn(kept.manifestDigests)),
      diffIds: image === null ? [] : diffIdsOf(image).filter(notIn(kept.diffIds)),
    });
  }

  /**
   * Deletes the metadata of some names, and those of the manifests' and layers' files that no other image of the cache
   * uses. While somebody brings an image in, only metadata goes; {@link removeOrphans} finds the rest later.
   */
  async removeFiles(unused: UnusedFiles): Promise<RemovedFiles> {
    const { layout } = this;
    const removal = new FileRemoval();
    for (const { canonical } of unused.references)
      await removal.remove('metadata', layout.metadata(canonical));
    await using lock = await tryFileLock(layout.useLock);
    if (lock === null) return removal.result;
    const used = await this.#usedFiles();
    for (const digest of new Set(unused.manifestDigests)) {
      if (used.manifestDigests.has(digest)) continue;
      await removal.remove('vmdk', layout.vmdk(digest));
      await removal.remove('fsmeta', layout.fsmeta(digest));
      await removeFlat(layout, digest, removal);
    }
    for (const diffId of new Set(unused.diffIds)) {
      if (!used.diffIds.has(diffId)) await removal.remove('layers', layout.layer(diffId));
    }
    return removal.result;
  }

  /** Whether somebody brings an image in, so that nothing can be deleted now. */
  async isInUse(): Promise<boolean> {
    await using lock = await tryFileLock(this.layout.useLock);
    return lock === null;
  }

  /**
   * Deletes all files that belong to no image of the cache and that `keep` does not name: what interrupted pulls and
   * removals left. Does nothing while somebody brings an image in.
   */
  async removeOrphans(keep: KeptFiles): Promise<RemovedFiles> {
    const removal = new FileRemoval();
    await using lock = await tryFileLock(this.layout.useLock);
    if (lock === null) return removal.result;
    const used = await this.#usedFiles();
    await removeOrphanFiles(
      this.layout,
      {
        manifestDigests: new Set([...used.manifestDigests, ...keep.manifestDigests]),
        diffIds: new Set([...used.diffIds, ...keep.diffIds]),
      },
      removal,
    );
    return removal.result;
  }

  async #usedFiles(): Promise<KeptFiles> {
    const images = await this.list();
    return {
      manifestDigests: new Set(images.map(({ manifest_digest }) => manifest_digest)),
      diffIds: new Set(images.flatMap(diffIdsOf)),
    };
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

function diffIdsOf(image: CachedImage): string[] {
  return image.layers.map(({ diff_id }) => diff_id);
}

function notIn(kept: ReadonlySet<string>): (digest: string) => boolean {
  return (digest) => !kept.has(digest);
}
