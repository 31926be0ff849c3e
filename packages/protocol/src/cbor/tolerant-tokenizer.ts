import { Token, Tokenizer, Type } from 'cborg';
import { CborFloat } from './cbor-float.ts';

/** Deepest nesting of arrays and maps; the deepest real message has five levels. */
const MAX_DEPTH = 32;

/** Items in one message; the largest directory listing that fits a frame has about half of it. */
const MAX_ITEMS = 1 << 20;

const INDEFINITE_BYTES = 0x5f;
const INDEFINITE_TEXT = 0x7f;
const BREAK = 0xff;

/**
 * Reads tokens with the tolerance of the reference decoder, which cborg alone lacks: tags are skipped, strings of
 * indefinite length are joined. It also bounds depth and number of items, since the guest is hostile.
 */
export class TolerantTokenizer extends Tokenizer {
  #items = 0;
  /** Items still missing in each open array or map. */
  readonly #open: number[] = [];

  constructor(data: Uint8Array) {
    super(data, { allowBigInt: true });
  }

  override next(): Token {
    const token = this.#untagged();
    if (++this.#items > MAX_ITEMS) throw new Error(`more than ${MAX_ITEMS} items`);
    this.#trackDepth(token);
    return Type.equals(token.type, Type.float) ? new Token(Type.float, new CborFloat(token.value)) : token;
  }

  #untagged(): Token {
    for (;;) {
      if (this.done()) throw new Error('unexpected end of input');
      const first = this.data[this.pos()];
      if (first === INDEFINITE_BYTES) return new Token(Type.bytes, this.#joined(Type.bytes));
      if (first === INDEFINITE_TEXT)
        return new Token(Type.string, this.#joined(Type.string).toString('utf8'));
      const token = super.next();
      if (!Type.equals(token.type, Type.tag)) return token;
    }
  }

  /** The pieces of a string of indefinite length, as bytes. */
  #joined(type: Type): Buffer {
    const pieces: Buffer[] = [];
    this._pos += 1;
    for (;;) {
      if (this.done()) throw new Error('unexpected end of input');
      if (this.data[this.pos()] === BREAK) break;
      if (++this.#items > MAX_ITEMS) throw new Error(`more than ${MAX_ITEMS} items`);
      const piece = super.next();
      if (!Type.equals(piece.type, type))
        throw new Error('a string of indefinite length has a foreign piece');
      pieces.push(Buffer.from(piece.value as string));
    }
    this._pos += 1;
    return Buffer.concat(pieces);
  }

  #trackDepth(token: Token): void {
    const top = this.#open.length - 1;
    if (Type.equals(token.type, Type.break)) {
      this.#open.pop();
    } else {
      if (top >= 0) this.#open[top] = (this.#open[top] ?? 0) - 1;
      if (Type.equals(token.type, Type.array)) this.#open.push(token.value as number);
      if (Type.equals(token.type, Type.map)) this.#open.push((token.value as number) * 2);
      if (this.#open.length > MAX_DEPTH) throw new Error(`nested deeper than ${MAX_DEPTH} levels`);
    }
    while (this.#open.at(-1) === 0) this.#open.pop();
  }
}
