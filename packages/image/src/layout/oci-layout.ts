import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { ImageError, MicrosandboxError } from '@microsandbox/types';
import { errnoOf } from '@microsandbox/utils';
import { hostFileError } from '../io/host-file-error.ts';
import { parseCheckableDigest } from '../reference/image-digest.ts';
import type { ImageReference } from '../reference/image-reference.ts';
import { MANIFEST_BYTES } from '../registry/media-types.ts';
import { type IndexEntry, parseManifest } from '../registry/parse-manifest.ts';
import type { Platform } from '../registry/platform.ts';
import type { BlobRequest, FetchedManifest, Registry } from '../registry/registry.ts';
import { selectLayoutEntry } from './select-layout-entry.ts';

const READ_BYTES = 1024 * 1024;

/** Which image of the folder. */
export interface OciLayoutOptions {
  readonly directory: string;
  /** Name to look for in the index, as the user wrote it. */
  readonly wanted: string | undefined;
  readonly platform: Platform;
}

/**
 * Images of a folder in OCI layout (OCI image specification, image layout). The reference of a request counts only
 * by its digest; without one it stands for the image that was chosen when the folder was opened.
 */
export class OciLayout implements Registry {
  readonly isLocal = true;
  /** The chosen image. */
  readonly entry: IndexEntry;
  readonly #directory: string;

  private constructor(directory: string, entry: IndexEntry) {
    this.#directory = directory;
    this.entry = entry;
  }

  /**
   * Reads the folder's index and chooses an image.
   *
   * @throws {ImageError} when this is no such folder, or the choice is not clear.
   */
  static async open({ directory, wanted, platform }: OciLayoutOptions): Promise<OciLayout> {
    const marker = parseJson(await readSmall(join(directory, 'oci-layout')), 'oci-layout');
    const version = (marker as { readonly imageLayoutVersion?: unknown } | null)?.imageLayoutVersion;
    if (version !== '1.0.0') throw new ImageError(`${directory} has an unknown OCI layout version`);
    const parsed = parseManifest((await readSmall(join(directory, 'index.json'))).toString('utf8'));
    if (parsed.kind !== 'index') throw new ImageError(`${join(directory, 'index.json')} is no index`);
    return new OciLayout(directory, selectLayoutEntry(parsed.entries, wanted, platform));
  }

  async manifest(reference: ImageReference): Promise<FetchedManifest> {
    const digest = reference.digest ?? this.entry.digest;
    const bytes = await readSmall(this.#blobPath(digest));
    const { algorithm, encoded } = parseCheckableDigest(digest);
    const actual = createHash(algorithm).update(bytes).digest('hex');
    if (actual !== encoded) {
      throw new MicrosandboxError(
        'digestMismatch',
        `digest mismatch for manifest in ${this.#directory}: expected ${digest}, got ${algorithm}:${actual}`,
      );
    }
    return { bytes, digest, mediaType: undefined };
  }

  async *blob({ blob, offset, signal }: BlobRequest): AsyncGenerator<Buffer, void, void> {
    const path = this.#blobPath(blob.digest);
    const handle = await openRegular(path);
    try {
      for (let at = offset; ; ) {
        signal?.throwIfAborted();
        const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
        const { bytesRead } = await handle.read(buffer, 0, READ_BYTES, at);
        if (bytesRead === 0) return;
        at += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await handle.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #blobPath(digest: string): string {
    const { algorithm, encoded } = parseCheckableDigest(digest);
    return join(this.#directory, 'blobs', algorithm, encoded);
  }
}

async function readSmall(path: string): Promise<Buffer> {
  const handle = await openRegular(path);
  try {
    const { size } = await handle.stat();
    if (size > MANIFEST_BYTES) throw new ImageError(`${path} has more than ${MANIFEST_BYTES} bytes`);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

/** Opens a file that somebody else may have made: never waits for the other end of a pipe. */
async function openRegular(path: string): Promise<FileHandle> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'ENOTDIR') throw hostFileError('read', path, error);
    throw new ImageError(`no image in OCI layout: ${path} is missing`, {
      cause: error,
      hint: 'name a folder with the files oci-layout and index.json and the folder blobs',
    });
  }
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw new ImageError(`${path} is not a regular file`);
}

function parseJson(bytes: Buffer, name: string): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new ImageError(`${name} is not JSON`, { cause });
  }
}
