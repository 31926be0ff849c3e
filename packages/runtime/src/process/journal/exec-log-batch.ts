import type { LineEncoder } from './line-encoder.ts';
import type { PieceBatch } from './piece-batch.ts';
import type { Pieces } from './pieces.ts';

/** Output, and the parts of its line in front of the text and behind it. */
export interface ExecLogPiece {
  readonly data: Uint8Array;
  readonly frame: LineFrame;
}

/** What stands around the text of a line; the same object for many lines is quick. */
export interface LineFrame {
  readonly head: string;
  readonly tail: string;
}

const NO_ROOM: Buffer = Buffer.alloc(0);

/** Output that becomes lines of JSON when it is written, all of a batch in one native call. */
export class ExecLogBatch implements PieceBatch<ExecLogPiece> {
  readonly #encoder: LineEncoder;
  readonly #isFirst: boolean;
  #room = NO_ROOM;
  #bytes = 0;
  /** Two numbers a piece: where it ends, and the index of its head in {@link #frames}. */
  readonly #records: number[] = [];
  /** Head and tail of each frame. */
  readonly #frames: string[] = [];
  #frame: LineFrame | null = null;

  constructor(encoder: LineEncoder, options: { readonly isFirst: boolean }) {
    this.#encoder = encoder;
    this.#isFirst = options.isFirst;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add({ data, frame }: ExecLogPiece): boolean {
    const at = this.#bytes;
    const end = at + data.length;
    if (this.#records.length === 0) this.#room = this.#encoder.room(end, { isFirst: this.#isFirst });
    if (end > this.#room.length) return false;
    this.#room.set(data, at);
    this.#bytes = end;
    if (frame !== this.#frame) {
      this.#frame = frame;
      this.#frames.push(frame.head, frame.tail);
    }
    this.#records.push(end, this.#frames.length - 2);
    return true;
  }

  seal(): Pieces {
    return this.#encoder.encode(this.#room, new Uint32Array(this.#records), this.#frames);
  }
}
