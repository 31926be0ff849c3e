import { PatchFailedError } from '@microsandbox/types';

/** The error for a patch that cannot be applied. */
export function patchFailed(
  reason: string,
  options: { readonly hint?: string; readonly cause?: unknown } = {},
): PatchFailedError {
  return new PatchFailedError(`patch failed: ${reason}`, options);
}
