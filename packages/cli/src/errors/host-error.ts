import { IoError, MicrosandboxError } from '@microsandbox/types';

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EEXIST: 'something else is there',
  EISDIR: 'a folder is there',
  ELOOP: 'a symbolic link is in the way',
  ENOENT: 'no such file or folder',
  ENOSPC: 'no space left',
  ENOTDIR: 'not a folder',
  ENOTEMPTY: 'a folder is there',
  EROFS: 'read-only file system',
};

/** The error for a file of the host that could not be used; errors that say more already stay as they are. */
export function hostError(path: string, error: unknown): Error {
  if (error instanceof MicrosandboxError) return error;
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (code === '') return error as Error;
  return new IoError(`${path}: ${REASONS[code] ?? message}`, { cause: error });
}
