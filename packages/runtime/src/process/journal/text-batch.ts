import { BATCH_BYTES, FIRST_BATCH_BYTES, type PieceBatch } from './piece-batch.ts';
import { Pieces } from './pieces.ts';

/** Pieces that are written as they are. */
export class TextBatch implements PieceBatch<string> {
  readonly #isFirst: boolean;
  #buffer = Buffer.alloc(0);
  readonly #ends: number[] = [];

  constructor(options: { readonly isFirst: boolean }) {
    this.#isFirst = options.isFirst;
  }

  get bytes(): number {
    return this.#ends.at(-1) ?? 0;
  }

  add(piece: string): boolean {
    const at = this.bytes;
    const end = at + Buffer.byteLength(piece);
    if (this.#ends.length === 0) {
      this.#buffer = Buffer.allocUnsafe(Math.max(end, this.#isFirst ? FIRST_BATCH_BYTES : BATCH_BYTES));
    }
    if (end > this.#buffer.length) return false;
    if (end === at) return true;
    this.#buffer.write(piece, at);
    this.#ends.push(end);
    return true;
  }

  seal(): Pieces {
    return new Pieces(this.#buffer, this.#ends);
  }
}
