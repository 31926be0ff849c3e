import { ImageError, MicrosandboxError } from '@microsandbox/types';

const WAYS_OUT: Readonly<Record<string, string>> = {
  EACCES: 'check the permissions of that path and of the folders that lead to it',
  EISDIR: 'give a file: this is a folder',
  ENOENT: 'check the path',
  EROFS: 'choose a place that can be written to',
};

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
  const hint = WAYS_OUT[code ?? ''];
  return new ImageError(message, { cause, ...(hint !== undefined && { hint }) });
}
