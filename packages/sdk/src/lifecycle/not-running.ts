import { isActive } from '@microsandbox/db';
import { SandboxNotRunningError, type SandboxState } from '@microsandbox/types';
import { findSandbox, refreshTarget, sandboxNotFound } from './find-sandbox.ts';
import type { SandboxPlace, SandboxTarget } from './sandbox-place.ts';

/** The error for an operation that needs a running sandbox. */
export function sandboxNotRunning(
  name: string,
  status: SandboxState,
  operation?: string,
): SandboxNotRunningError {
  const rest = operation === undefined ? '' : `; cannot ${operation}`;
  return new SandboxNotRunningError(`sandbox '${name}' is not running (status: ${status})${rest}`, {
    hint: `start it: msb start ${name}`,
  });
}

/** Why a sandbox's agent cannot be reached, when the reason is that the sandbox does not run; else null. */
export async function describeNotRunning(place: SandboxPlace): Promise<Error | null> {
  const row = await findSandbox(place.backend, place.name);
  if (row === null) return sandboxNotFound(place.name);
  return isActive(row.status) ? null : sandboxNotRunning(place.name, row.status);
}

/**
 * Checks that a sandbox runs, for an operation named in the message.
 *
 * @throws SandboxNotRunningError
 * @throws SandboxNotFoundError
 */
export async function assertRunning(target: SandboxTarget, operation: string): Promise<void> {
  const row = await refreshTarget(target);
  if (row === null) throw sandboxNotFound(target.name);
  if (!isActive(row.status)) throw sandboxNotRunning(target.name, row.status, operation);
}
