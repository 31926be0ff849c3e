/**
 * Hands out slots so that one that was just freed comes round last: late frames of a gone client then find no
 * new client with the same ids (protocol section 22, trap 6).
 */
export class SlotRing {
  readonly #taken: boolean[];
  #next = 0;

  constructor(size: number) {
    this.#taken = new Array<boolean>(size).fill(false);
  }

  /** A free slot, or null when all are taken. */
  take(): number | null {
    const { length } = this.#taken;
    for (let step = 0; step < length; step++) {
      const slot = (this.#next + step) % length;
      if (this.#taken[slot]) continue;
      this.#taken[slot] = true;
      this.#next = (slot + 1) % length;
      return slot;
    }
    return null;
  }

  free(slot: number): void {
    this.#taken[slot] = false;
  }
}
