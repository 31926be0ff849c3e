import type { SandboxState } from '@microsandbox/types';
import type { SandboxTarget } from './lifecycle/sandbox-place.ts';
import type { StopObservation } from './lifecycle/stop-sandbox.ts';
import type { SandboxStopResult } from './sandbox-results.ts';
import type { SandboxStatus } from './values.ts';

/** A state of the catalog as callers see it. */
export function statusOf(state: SandboxState): SandboxStatus {
  return state.toLowerCase() as SandboxStatus;
}

/** What somebody who only watched can say about the end of a sandbox. */
export function stopResult(target: SandboxTarget, seen: StopObservation | null): SandboxStopResult {
  return {
    name: target.name,
    status: statusOf(seen?.status ?? 'Stopped'),
    exitCode: null,
    signal: null,
    observedAt: new Date(),
    source: seen?.source ?? null,
  };
}
