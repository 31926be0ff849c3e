/** What became of a piece of typed input. */
export interface DetachMatch {
  /** Bytes that belong to the program. */
  readonly forward: Uint8Array;
  readonly detached: boolean;
}

/**
 * Finds a detach sequence in typed input, also across pieces. Bytes that only began to look like it are handed
 * to the program as soon as they turn out not to be it.
 */
export class DetachMatcher {
  readonly #keys: Uint8Array;
  #matched = 0;

  constructor(keys: Uint8Array) {
    this.#keys = keys;
  }

  push(chunk: Uint8Array): DetachMatch {
    const forward: number[] = [];
    for (const byte of chunk) {
      if (byte !== this.#keys[this.#matched] && this.#matched > 0) {
        forward.push(...this.#keys.subarray(0, this.#matched));
        this.#matched = 0;
      }
      if (byte !== this.#keys[this.#matched]) {
        forward.push(byte);
        continue;
      }
      this.#matched += 1;
      if (this.#matched === this.#keys.length) return { forward: Uint8Array.from(forward), detached: true };
    }
    return { forward: Uint8Array.from(forward), detached: false };
  }
}
