/** Keeps the last bytes of a stream of output. */
export class OutputRing {
  readonly #capacity: number;
  #chunks: Buffer[] = [];
  #length = 0;

  /** @param capacity bytes kept */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  push(chunk: Buffer): void {
    const kept = chunk.subarray(Math.max(0, chunk.length - this.#capacity));
    this.#chunks.push(kept);
    this.#length += kept.length;
    for (;;) {
      const first = this.#chunks[0];
      if (first === undefined || this.#length - first.length < this.#capacity) return;
      this.#chunks.shift();
      this.#length -= first.length;
    }
  }

  /** The kept bytes as text. */
  toString(): string {
    return Buffer.concat(this.#chunks).subarray(-this.#capacity).toString('utf8');
  }
}
