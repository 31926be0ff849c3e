import { acquireFileLock, errnoOf, type FileLock, type FileLockMode } from '@microsandbox/utils';
import { hostFileError } from '../io/host-file-error.ts';

/** Takes a lock of the cache, waiting for whoever holds it. */
export async function lockFile(
  path: string,
  signal: AbortSignal | undefined,
  mode: FileLockMode = 'exclusive',
): Promise<FileLock> {
  try {
    return await acquireFileLock(path, { signal, mode });
  } catch (error) {
    throw errnoOf(error) !== undefined && error instanceof Error && 'syscall' in error
      ? hostFileError('write', path, error)
      : error;
  }
}
