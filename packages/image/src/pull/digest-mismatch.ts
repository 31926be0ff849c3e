import { MicrosandboxError } from '@microsandbox/types';

/** The error for a layer whose bytes are not those that its digest names. */
export function digestMismatch(digest: string, expected: string, actual: string): MicrosandboxError {
  return new MicrosandboxError(
    'digestMismatch',
    `digest mismatch for layer ${digest}: expected ${expected}, got ${actual}`,
    {
      hint: 'the registry or something on the way to it changed the image; try again or use another registry',
    },
  );
}
