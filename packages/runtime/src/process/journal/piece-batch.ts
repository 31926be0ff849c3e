/** Bytes of a batch that something waits in front of; a first one is small, for most are a single line. */
const BATCH_BYTES = 256 * 1024;
const FIRST_BATCH_BYTES = 8 * 1024;

/** Pieces of a log one after the other in one buffer, with the places where one may be cut from the next. */
export class PieceBatch {
  readonly #buffer: Buffer;
  /** Where each piece ends. */
  readonly #ends: number[] = [];
  /** Pieces that were taken. */
  #taken = 0;

  /** @param bytes length of the first piece */
  constructor(bytes: number, options: { readonly isFirst: boolean }) {
    this.#buffer = Buffer.allocUnsafe(Math.max(bytes, options.isFirst ? FIRST_BATCH_BYTES : BATCH_BYTES));
  }

  get isEmpty(): boolean {
    return this.#taken === this.#ends.length;
  }

  /** Adds a piece of `bytes` bytes; false when there is no room for it. */
  add(piece: string | Buffer, bytes: number): boolean {
    const at = this.#ends.at(-1) ?? 0;
    if (at + bytes > this.#buffer.length) return false;
    if (typeof piece === 'string') this.#buffer.write(piece, at);
    else this.#buffer.set(piece, at);
    this.#ends.push(at + bytes);
    return true;
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
    return this.#buffer.subarray(start, this.#start);
  }
}
