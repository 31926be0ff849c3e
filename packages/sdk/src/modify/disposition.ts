import type { SandboxState } from '@microsandbox/types';
import type { ModificationDisposition, ModificationPolicy } from './modification.ts';

/** State of a sandbox and what may happen to it. */
export interface ModificationContext {
  readonly status: SandboxState;
  readonly policy: ModificationPolicy;
}

const IDLE: readonly SandboxState[] = ['Created', 'Stopped', 'Crashed'];
const BETWEEN: readonly SandboxState[] = ['Starting', 'Paused'];

/**
 * When a change takes effect that no running machine can take, and why not at once.
 */
export function dispositionOf(
  { status, policy }: ModificationContext,
  reasonWhileRunning: string,
): { readonly disposition: ModificationDisposition; readonly reason?: string } {
  if (policy === 'next_start' || IDLE.includes(status)) return { disposition: 'next start' };
  if (BETWEEN.includes(status)) {
    const reason = `cannot modify while sandbox is ${status.toLowerCase()}`;
    return { disposition: 'unsupported', reason };
  }
  return { disposition: 'requires restart', reason: reasonWhileRunning };
}
