import { IoError, MicrosandboxError } from '@microsandbox/types';

/**
 * Runs `work`; what the system refuses in it (no space, no permission) becomes an error of this project, with
 * the path that Node names.
 *
 * @throws MicrosandboxError `noSpace`
 * @throws IoError
 */
export async function withFileErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw toFileError(error);
  }
}

function toFileError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof MicrosandboxError) return error;
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (syscall === undefined) return error;
  const message = `io error: ${error.message}`;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new MicrosandboxError('noSpace', message, {
      cause: error,
      hint: 'free space on the file system of MSB_HOME and try again',
    });
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new IoError(message, { cause: error, hint: 'set MSB_HOME to a folder that you may write to' });
  }
  return new IoError(message, { cause: error });
}
