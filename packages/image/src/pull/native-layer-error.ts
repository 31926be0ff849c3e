import { getSystemErrorMessage, getSystemErrorName } from 'node:util';
import type { NativeLayerFailure } from '@microsandbox/native';
import { ImageError, type MicrosandboxError } from '@microsandbox/types';
import { hostFileError } from '../io/host-file-error.ts';
import { quotePath } from '../tree/quote-path.ts';

/** The error that building in JavaScript would have thrown. */
export function nativeLayerError(failure: NativeLayerFailure): MicrosandboxError {
  const { reason, name, file, reading, errno } = failure;
  if (file === undefined) {
    return new ImageError(name === undefined ? reason : `${reason} ${quotePath(name.toString('latin1'))}`);
  }
  const action = reading ? 'read' : 'write';
  if (errno === 0) return hostFileError(action, file, new Error(reason));
  const code = getSystemErrorName(-errno);
  const cause = new Error(`${code}: ${getSystemErrorMessage(-errno)}, ${action}`);
  return hostFileError(action, file, Object.assign(cause, { code }));
}
