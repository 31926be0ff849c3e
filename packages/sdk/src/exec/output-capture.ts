/** Bytes of each stream that calls such as `exec` return when nothing else was chosen. */
export const DEFAULT_MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/**
 * What a program wrote to one stream, within a limit: the first half of the limit and the last, with a marker between
 * them that says how much is missing. The marker comes on top of the limit.
 *
 * @example
 * const capture = new OutputCapture(8);
 * for (const piece of ['abcd', 'efgh', 'ijkl']) capture.push(Buffer.from(piece));
 * capture.bytes().toString(); // 'abcd\n[microsandbox: 4 bytes of output left out]\nijkl'
 */
export class OutputCapture {
  readonly #headLimit: number;
  readonly #tailLimit: number;
  readonly #head: Uint8Array[] = [];
  #headBytes = 0;
  #tail: Uint8Array[] = [];
  #tailBytes = 0;
  #omitted = 0;

  constructor(limitBytes: number) {
    this.#headLimit = Math.ceil(limitBytes / 2);
    this.#tailLimit = limitBytes - this.#headLimit;
  }

  /** Bytes that are not kept. */
  get omittedBytes(): number {
    return this.#omitted + Math.max(0, this.#tailBytes - this.#tailLimit);
  }

  push(data: Uint8Array): void {
    const forHead = data.subarray(0, this.#headLimit - this.#headBytes);
    if (forHead.length > 0) {
      this.#head.push(forHead);
      this.#headBytes += forHead.length;
    }
    const rest = data.subarray(forHead.length);
    if (rest.length === 0) return;
    this.#tail.push(rest);
    this.#tailBytes += rest.length;
    this.#dropOld();
  }

  bytes(): Buffer {
    const tail = Buffer.concat(this.#tail);
    const omitted = this.omittedBytes;
    if (omitted === 0) return Buffer.concat([...this.#head, tail]);
    const marker = Buffer.from(`\n[microsandbox: ${omitted} bytes of output left out]\n`);
    return Buffer.concat([...this.#head, marker, tail.subarray(tail.length - this.#tailLimit)]);
  }

  /** Drops whole pieces that lie before the tail; part of the oldest may still. */
  #dropOld(): void {
    let dropped = 0;
    for (const piece of this.#tail) {
      if (this.#tailBytes - piece.length < this.#tailLimit) break;
      this.#tailBytes -= piece.length;
      this.#omitted += piece.length;
      dropped += 1;
    }
    if (dropped > 0) this.#tail.splice(0, dropped);
  }
}
