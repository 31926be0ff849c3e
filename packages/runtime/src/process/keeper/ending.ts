import type { TerminationReason, VmExit } from '@microsandbox/types';
import type { RunEnding } from './run-record.ts';

/** Why this process ends its machine. */
export interface EndRequest {
  readonly reason: TerminationReason;
  readonly exitCode: number;
  /**
   * `ask`: tell the guest, give it the flush window, then end the machine · `wait`: the guest was told already ·
   * `now`: end the machine at once.
   */
  readonly manner: 'ask' | 'wait' | 'now';
}

/**
 * What to record (spec: runtime A4). A machine that ended without a request and not by its guest's own will has
 * crashed; a guest that restarts or powers off by itself has completed.
 */
export function endingOf(request: EndRequest | null, exit: VmExit, guestPanicked: boolean): RunEnding {
  if (request !== null) return { reason: request.reason, exitCode: request.exitCode, status: 'Stopped' };
  if (exit.signal !== null || exit.code !== 0) {
    return { reason: 'InternalError', exitCode: exit.code, status: 'Crashed' };
  }
  if (guestPanicked) return { reason: 'Failed', exitCode: 1, status: 'Crashed' };
  return { reason: 'Completed', exitCode: 0, status: 'Stopped' };
}
