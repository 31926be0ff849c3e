import { MicrosandboxError } from '@microsandbox/types';
import { digestMismatch } from './digest-mismatch.ts';

/** A blob's bytes are not those that its own digest names: whoever sent them is to blame, not the image. */
export class WrongBlobError extends MicrosandboxError {
  constructor(digest: string, expected: string, actual: string) {
    const { code, message, hint } = digestMismatch(digest, expected, actual);
    super(code, message, hint === undefined ? {} : { hint });
  }
}
