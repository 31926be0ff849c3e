import { createHash } from 'node:crypto';
import { ImageError } from '@microsandbox/types';
import { OCI_MANIFEST } from '../registry/media-types.ts';
import type { BlobRequest, FetchedManifest, Registry } from '../registry/registry.ts';
import type { ArchiveFiles } from './archive-files.ts';

/** A blob and where it is in the archive. */
export interface StoredBlob {
  readonly digest: string;
  readonly mediaType: string;
  /** Bytes. */
  readonly size: number;
  readonly path: string;
}

/** One image of a Docker archive, under a manifest that was made for it. */
export class DockerArchiveSource implements Registry {
  readonly isLocal = true;
  readonly #files: ArchiveFiles;
  readonly #manifest: Buffer;
  readonly #blobs: ReadonlyMap<string, string>;

  constructor(files: ArchiveFiles, manifest: string, blobs: readonly StoredBlob[]) {
    this.#files = files;
    this.#manifest = Buffer.from(manifest);
    this.#blobs = new Map(blobs.map(({ digest, path }) => [digest, path]));
  }

  async manifest(): Promise<FetchedManifest> {
    const digest = `sha256:${createHash('sha256').update(this.#manifest).digest('hex')}`;
    return { bytes: this.#manifest, digest, mediaType: OCI_MANIFEST };
  }

  blob({ blob, offset, signal }: BlobRequest): AsyncGenerator<Buffer, void, void> {
    const path = this.#blobs.get(blob.digest);
    if (path === undefined) throw new ImageError(`archive holds no blob ${blob.digest}`);
    return this.#files.read(path, offset, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
