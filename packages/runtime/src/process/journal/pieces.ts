/** Pieces of a log one after the other in one buffer, to be taken whole. */
export class Pieces {
  readonly #bytes: Buffer;
  /** Where each piece ends. */
  readonly #ends: ArrayLike<number>;
  /** Pieces that were taken. */
  #taken = 0;

  constructor(bytes: Buffer, ends: ArrayLike<number>) {
    this.#bytes = bytes;
    this.#ends = ends;
  }

  get isEmpty(): boolean {
    return this.#taken === this.#ends.length;
  }

  /** Takes as many whole pieces as `room` bytes hold; none when the next one is longer. */
  take(room: number): Buffer {
    const start = this.#start;
    let taken = this.#taken;
    while (taken < this.#ends.length && (this.#ends[taken] as number) - start <= room) taken += 1;
    return this.#takeUpTo(taken);
  }

  /** Takes the next piece, however long. */
  takeOne(): Buffer {
    return this.#takeUpTo(this.#taken + 1);
  }

  get #start(): number {
    return this.#ends[this.#taken - 1] ?? 0;
  }

  #takeUpTo(count: number): Buffer {
    const start = this.#start;
    this.#taken = count;
    return this.#bytes.subarray(start, this.#start);
  }
}
