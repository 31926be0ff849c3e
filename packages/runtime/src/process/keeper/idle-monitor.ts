import type { Heartbeat } from '@microsandbox/protocol';

/**
 * Tells when a sandbox has been idle for its time-out (spec: runtime A6), by the host's clock, which never jumps.
 * Idle time begins when the guest's count of meaningful events changes. A guest that says nothing yet is still
 * booting; one that stopped reporting is as idle as its last report was.
 */
export class IdleMonitor {
  readonly #timeoutMs: number;
  #sequence: bigint | null = null;
  #since = 0;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /**
   * @param report the guest's last
   * @param activeCommands those that the relay knows of, because a report is up to a second old
   * @param now monotonic milliseconds
   * @returns whether the time-out is over
   */
  isIdle(
    report: Pick<Heartbeat, 'activitySeq' | 'activeExecSessions'> | null,
    activeCommands: number,
    now: number,
  ): boolean {
    if (report === null) return false;
    const isBusy = report.activeExecSessions > 0 || activeCommands > 0;
    if (isBusy || report.activitySeq !== this.#sequence) {
      this.#sequence = report.activitySeq;
      this.#since = now;
      return false;
    }
    return now - this.#since >= this.#timeoutMs;
  }
}
