/** What the monitor looks at. */
export interface IdleEvidence {
  /** Changes with each meaningful event. */
  readonly sequence: number;
  readonly activeCommands: number;
}

/** Tells when a sandbox has been idle for its time-out (spec: runtime A6), by a clock that never jumps. */
export class IdleMonitor {
  readonly #timeoutMs: number;
  #sequence = -1;
  #since = 0;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** @param now monotonic milliseconds @returns whether the time-out is over */
  isIdle(evidence: IdleEvidence, now: number): boolean {
    if (evidence.activeCommands > 0 || evidence.sequence !== this.#sequence) {
      this.#sequence = evidence.sequence;
      this.#since = now;
      return false;
    }
    return now - this.#since >= this.#timeoutMs;
  }
}
