import { MicrosandboxError, RuntimeError } from '@microsandbox/types';
import { errnoOf } from '@microsandbox/utils';

/** What starts the message of each failure to bind a sandbox's sockets (spec: state 16). */
export const BIND_PREFIX = 'bind agent socket: ';

const IN_THE_WAY = ['ENOTDIR', 'EISDIR', 'ERR_FS_EISDIR', 'EEXIST', 'ENOTEMPTY', 'ELOOP'];
/** ENOENT is what Node makes of a folder that it can't make on a read-only file system. */
const NOT_WRITABLE = ['EROFS', 'EACCES', 'EPERM', 'ENOENT'];

/** A failed step on the way to a sandbox's sockets, with the way out; `folder` is the one made for them. */
export function socketTrouble(error: unknown, folder: string): Error {
  // What is not the system's says itself what it is.
  if (error instanceof MicrosandboxError) return error;
  const hint = hintFor(errnoOf(error), folder);
  const message = `${BIND_PREFIX}${(error as Error).message}`;
  return new RuntimeError(message, { cause: error, ...(hint !== null && { hint }) });
}

function hintFor(code = '', folder: string): string | null {
  if (IN_THE_WAY.includes(code)) return `something else stands in the way: remove it; ${folder} is made anew`;
  if (NOT_WRITABLE.includes(code)) return `${folder} must be writable for your user`;
  if (code === 'EADDRINUSE') return `another process has just bound it: end that one, or remove ${folder}`;
  return null;
}
