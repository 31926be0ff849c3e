import { SandboxFsOpsError } from '@microsandbox/types';

const PREFIX = 'sandbox fs error: ';

/** A failed file operation of a sandbox, with the file that it was about; every other error stays as it is. */
export function guestError(path: string | Uint8Array, error: unknown): unknown {
  // One with a cause has been named where it happened.
  if (!(error instanceof SandboxFsOpsError) || error.cause !== undefined) return error;
  const reason = error.message.startsWith(PREFIX) ? error.message.slice(PREFIX.length) : error.message;
  const place = typeof path === 'string' ? path : Buffer.from(path).toString();
  const { hint } = error;
  return new SandboxFsOpsError(`${PREFIX}${place}: ${reason}`, {
    cause: error,
    ...(hint !== undefined && { hint }),
  });
}
