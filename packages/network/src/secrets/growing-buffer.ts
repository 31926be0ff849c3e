const FIRST_CAPACITY = 4096;

/**
 * Bytes that come in pieces, in one piece. However small the pieces are, each byte is copied a few times at most and
 * nothing else is kept.
 */
export class GrowingBuffer {
  #bytes = Buffer.alloc(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  append(piece: Buffer): void {
    const needed = this.#length + piece.length;
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length, FIRST_CAPACITY));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    piece.copy(this.#bytes, this.#length);
    this.#length = needed;
  }

  /** All bytes so far. They stay the same when more come. */
  peek(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** All bytes; none are left. */
  take(): Buffer {
    const bytes = this.peek();
    this.#bytes = Buffer.alloc(0);
    this.#length = 0;
    return bytes;
  }
}
