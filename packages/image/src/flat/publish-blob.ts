import { rename, rm, stat } from 'node:fs/promises';
import { ImageError } from '@microsandbox/types';
import { errnoOf, syncDirectory } from '@microsandbox/utils';
import { hostFileError } from '../io/host-file-error.ts';
import type { FlatLayout } from './flat-layout.ts';
import { sha256File } from './sha256-file.ts';

export interface PublishBlobOptions {
  /** The image, complete and synced; it is moved or removed. */
  readonly candidate: string;
  /** Of its bytes. */
  readonly digest: string;
  readonly bytes: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Gives an image the name of its digest, so that it survives a crash. One that is there with the right bytes stays;
 * wrong bytes are replaced.
 *
 * @throws {ImageError} when a file of that name has another length: no run of this code leaves such a one.
 */
export async function publishBlob(layout: FlatLayout, options: PublishBlobOptions): Promise<void> {
  const { candidate, digest, bytes, signal } = options;
  const path = layout.blob(digest);
  const present = await sizeOf(path);
  if (present !== null && present !== bytes) {
    throw new ImageError(`cache error at ${path}: content-addressed flat blob has an unexpected size`, {
      hint: 'remove that file and try again',
    });
  }
  try {
    if (present !== null && (await sha256File(path, signal)) === digest) {
      await rm(candidate, { force: true });
      return;
    }
    await rename(candidate, path);
    await syncDirectory(layout.blobsDir);
  } catch (error) {
    throw errnoOf(error) === undefined ? error : hostFileError('write', path, error);
  }
}

async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw hostFileError('read', path, error);
  }
}
