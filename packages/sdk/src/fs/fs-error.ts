import { SandboxFsOpsError } from '@microsandbox/types';

/** The error for what the guest, or what came from it, says about a file operation. */
export function fsError(text: string, options: { readonly hint?: string } = {}): SandboxFsOpsError {
  return new SandboxFsOpsError(`sandbox fs error: ${text}`, options);
}
