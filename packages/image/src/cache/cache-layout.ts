import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { hostFileError } from '../io/host-file-error.ts';
import { digestFileName } from '../reference/image-digest.ts';

const FOLDERS = ['layers', 'fsmeta', 'vmdk', 'flat/refs', 'flat/blobs', 'flat/locks', 'manifests', 'tmp'];

/**
 * Where the files of the image cache are. Layers are found by the digest of their unpacked archive, downloads by that
 * of the packed one, merged images by that of their manifest, and metadata by the image's canonical name.
 */
export class CacheLayout {
  readonly root: string;

  constructor(cacheDir: string) {
    this.root = cacheDir;
  }

  /** Makes the folders, private to the user. */
  async create(): Promise<void> {
    for (const folder of FOLDERS) {
      const path = join(this.root, folder);
      await mkdir(path, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
        throw hostFileError('write', path, error);
      });
    }
  }

  get manifestsDir(): string {
    return join(this.root, 'manifests');
  }

  /** Metadata of the image of that canonical name, JSON. */
  metadata(canonical: string): string {
    return join(this.manifestsDir, `${metadataKey(canonical)}.json`);
  }

  /** Held while the image of that canonical name is pulled. */
  referenceLock(canonical: string): string {
    return join(this.manifestsDir, `${metadataKey(canonical)}.lock`);
  }

  get layersDir(): string {
    return join(this.root, 'layers');
  }

  /** EROFS image of a layer. */
  layer(diffId: string): string {
    return join(this.layersDir, `${digestFileName(diffId)}.erofs`);
  }

  /** Held while a layer's image is made. */
  layerLock(diffId: string): string {
    return `${this.layer(diffId)}.lock`;
  }

  /** A complete download that upstream's tools left; ours unpack while they download. */
  blob(blobDigest: string): string {
    return join(this.layersDir, `${digestFileName(blobDigest)}.tar.gz`);
  }

  /** EROFS image with the merged metadata of all layers. */
  fsmeta(manifestDigest: string): string {
    return join(this.root, 'fsmeta', `${digestFileName(manifestDigest)}.erofs`);
  }

  /** Held while the merged image and its descriptor are made. */
  fsmetaLock(manifestDigest: string): string {
    return `${this.fsmeta(manifestDigest)}.lock`;
  }

  /** Descriptor that joins merged image and layers into one disk. */
  vmdk(manifestDigest: string): string {
    return join(this.root, 'vmdk', `${digestFileName(manifestDigest)}.vmdk`);
  }

  /** Nobody takes this lock; tools that clean up look for it. */
  vmdkLock(manifestDigest: string): string {
    return `${this.vmdk(manifestDigest)}.lock`;
  }

  /** First bytes of a download. */
  part(blobDigest: string): string {
    return this.#temporary(blobDigest, 'part');
  }

  /** Held while a blob is downloaded. */
  downloadLock(blobDigest: string): string {
    return this.#temporary(blobDigest, 'download.lock');
  }

  /** File bodies of a layer that is being unpacked. */
  spool(diffId: string): string {
    return this.#temporary(diffId, 'spool');
  }

  /** A layer's image before it is complete. */
  layerPart(diffId: string): string {
    return this.#temporary(diffId, 'erofs.part');
  }

  /** Folder for the merged image and its descriptor before they are complete. */
  stitchDir(manifestDigest: string): string {
    return this.#temporary(manifestDigest, 'work');
  }

  /** Shared by all who bring images in or read layers; held alone by whoever deletes files. */
  get useLock(): string {
    return join(this.temporaryDir, 'use.lock');
  }

  /** For what is on its way into the cache or out of it. */
  get temporaryDir(): string {
    return join(this.root, 'tmp');
  }

  #temporary(digest: string, suffix: string): string {
    return join(this.temporaryDir, `${digestFileName(digest)}.${suffix}`);
  }
}

function metadataKey(canonical: string): string {
  return createHash('sha256').update(canonical, 'utf8').digest('hex');
}
