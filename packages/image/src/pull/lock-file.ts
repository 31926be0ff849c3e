import { acquireFileLock, errnoOf, type FileLock } from '@microsandbox/utils';
import { hostFileError } from '../io/host-file-error.ts';

/** Takes a lock of the cache, waiting for whoever holds it. */
export async function lockFile(path: string, signal: AbortSignal | undefined): Promise<FileLock> {
  try {
    return await acquireFileLock(path, { signal });
  } catch (error) {
    throw errnoOf(error) !== undefined && error instanceof Error && 'syscall' in error
      ? hostFileError('write', path, error)
      : error;
  }
}
