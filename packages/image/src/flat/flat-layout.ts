import { join } from 'node:path';
import type { CacheLayout } from '../cache/cache-layout.ts';
import { digestFileName } from '../reference/image-digest.ts';

/** Where the flat images of a cache are. */
export class FlatLayout {
  readonly #root: string;

  constructor(layout: CacheLayout) {
    this.#root = layout.root;
  }

  get refsDir(): string {
    return join(this.#root, 'flat/refs');
  }

  get blobsDir(): string {
    return join(this.#root, 'flat/blobs');
  }

  /** Which image belongs to a manifest, JSON. */
  ref(manifestDigest: string): string {
    return join(this.refsDir, `${digestFileName(manifestDigest)}.json`);
  }

  /** A flat image, found by the digest of its bytes. It is never changed. */
  blob(artifactDigest: string): string {
    return join(this.blobsDir, `${digestFileName(artifactDigest)}.raw`);
  }

  /** Held while an image is made. */
  lock(derivationDigest: string): string {
    return join(this.#root, 'flat/locks', `${digestFileName(derivationDigest)}.lock`);
  }

  /** Folder for an image that is being made. */
  workDir(derivationDigest: string): string {
    return join(this.#root, 'tmp', `${digestFileName(derivationDigest)}.flat.work`);
  }
}
