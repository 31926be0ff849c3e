/** How often the clock is looked at, and when the guest is told of it (protocol section 19.3). */
export const CLOCK_CHECK_MS = 2000;
const RESEND_MS = 60_000;
const JUMP_MS = 6000;

/** Decides when the guest's clock needs to be set: at first, every minute, and when the host's clock jumped. */
export class ClockSync {
  #lastCheck: number | null = null;
  #lastSent = 0;

  /** @param now milliseconds since 1970 @returns whether to send now */
  isDue(now: number): boolean {
    const last = this.#lastCheck;
    this.#lastCheck = now;
    const jumped = last === null || now < last || now - last >= JUMP_MS;
    if (!jumped && now - this.#lastSent < RESEND_MS) return false;
    this.#lastSent = now;
    return true;
  }
}

/** Host time for `core.clock.sync`. */
export function unixTimeNanos(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}
