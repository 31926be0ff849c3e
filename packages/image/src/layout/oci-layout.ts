import { createHash } from 'node:crypto';
import { ImageError, MicrosandboxError } from '@microsandbox/types';
import { parseCheckableDigest } from '../reference/image-digest.ts';
import type { ImageReference } from '../reference/image-reference.ts';
import { MANIFEST_BYTES } from '../registry/media-types.ts';
import { type IndexEntry, parseManifest } from '../registry/parse-manifest.ts';
import type { BlobRequest, FetchedManifest, Registry } from '../registry/registry.ts';
import type { LayoutFiles } from './layout-files.ts';

/**
 * One image of an OCI layout (OCI image specification, image layout). The reference of a request counts only by its
 * digest; without one it stands for the image that was chosen.
 */
export class OciLayout implements Registry {
  readonly isLocal = true;
  readonly #files: LayoutFiles;
  readonly #digest: string;

  /** `digest` is that of the chosen image's manifest or index. */
  constructor(files: LayoutFiles, digest: string) {
    this.#files = files;
    this.#digest = digest;
  }

  async manifest(reference: Pick<ImageReference, 'digest'>): Promise<FetchedManifest> {
    const digest = reference.digest ?? this.#digest;
    const bytes = await this.#files.readSmall(blobPath(digest), MANIFEST_BYTES);
    const { algorithm, encoded } = parseCheckableDigest(digest);
    const actual = createHash(algorithm).update(bytes).digest('hex');
    if (actual !== encoded) {
      throw new MicrosandboxError(
        'digestMismatch',
        `digest mismatch for manifest in ${this.#files.name}: expected ${digest}, got ${algorithm}:${actual}`,
      );
    }
    return { bytes, digest, mediaType: undefined };
  }

  blob({ blob, offset, signal }: BlobRequest): AsyncGenerator<Buffer, void, void> {
    return this.#files.read(blobPath(blob.digest), offset, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/**
 * What the index of an OCI layout lists.
 *
 * @throws {ImageError} when this is no OCI layout.
 */
export async function readLayoutIndex(files: LayoutFiles): Promise<readonly IndexEntry[]> {
  const marker = parseJson(await files.readSmall('oci-layout', MANIFEST_BYTES), 'oci-layout');
  const version = (marker as { readonly imageLayoutVersion?: unknown } | null)?.imageLayoutVersion;
  if (version !== '1.0.0') throw new ImageError(`${files.name} has an unknown OCI layout version`);
  const parsed = parseManifest((await files.readSmall('index.json', MANIFEST_BYTES)).toString('utf8'));
  if (parsed.kind !== 'index') throw new ImageError(`index.json of ${files.name} is no index`);
  return parsed.entries;
}

function blobPath(digest: string): string {
  const { algorithm, encoded } = parseCheckableDigest(digest);
  return `blobs/${algorithm}/${encoded}`;
}

function parseJson(bytes: Buffer, name: string): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new ImageError(`${name} is not JSON`, { cause });
  }
}
