import { ImageError, MicrosandboxError } from '@microsandbox/types';

/** Turns a failed system call on a host file into an error that says which file, why and what helps. */
export function hostFileError(action: 'read' | 'write', path: string, cause: unknown): MicrosandboxError {
  const code = (cause as NodeJS.ErrnoException).code;
  const reason = cause instanceof Error ? cause.message : String(cause);
  const message = `cannot ${action} ${path}: ${reason}`;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new MicrosandboxError('noSpace', message, {
      cause,
      hint: 'free some space on that file system and try again',
    });
  }
  return new ImageError(message, { cause });
}
