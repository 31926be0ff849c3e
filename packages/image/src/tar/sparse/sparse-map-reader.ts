import { invalidSparseMap, type SparseStretch } from './sparse-map.ts';

const RECORD_BYTES = 512;
const NEWLINE = 0x0a;
const ZERO = 0x30;

/** Numbers of more digits are not exact, and longer than any file. */
const MAX_NUMBER = 2 ** 52;

/**
 * Reads the map at the front of a GNU.sparse 1.0 body: decimal numbers, one a line: how many stretches, then
 * offset and length of each; NULs up to a whole record.
 */
export class SparseMapReader {
  readonly #maxStretches: number;
  readonly #numbers: number[] = [];
  #number = 0;
  #digits = 0;
  /** Bytes taken so far. */
  #taken = 0;

  constructor(maxStretches: number) {
    this.#maxStretches = maxStretches;
  }

  /** Takes bytes from `at` on and returns the offset after them. */
  take(bytes: Uint8Array, at: number): number {
    let next = at;
    for (; next < bytes.length && !this.complete; next++) this.#takeByte(bytes[next] as number);
    return next;
  }

  /** True at the end of the map's last record. */
  get complete(): boolean {
    return this.#allNumbers && this.#taken % RECORD_BYTES === 0;
  }

  get map(): SparseStretch[] {
    const map: SparseStretch[] = [];
    for (let i = 1; i < this.#numbers.length; i += 2) {
      map.push({ offset: this.#numbers[i] as number, length: this.#numbers[i + 1] as number });
    }
    return map;
  }

  /** Bytes that the map took in the body. */
  get bytes(): number {
    return this.#taken;
  }

  get #allNumbers(): boolean {
    const [count] = this.#numbers;
    return count !== undefined && this.#numbers.length === 1 + 2 * count;
  }

  #takeByte(byte: number): void {
    this.#taken++;
    if (this.#allNumbers) return;
    const digit = byte - ZERO;
    if (byte === NEWLINE && this.#digits > 0) {
      this.#numbers.push(this.#number);
      this.#number = this.#digits = 0;
      if ((this.#numbers[0] as number) > this.#maxStretches) throw invalidSparseMap();
    } else if (digit >= 0 && digit <= 9 && this.#number < MAX_NUMBER) {
      this.#number = this.#number * 10 + digit;
      this.#digits++;
    } else {
      throw invalidSparseMap();
    }
  }
}
