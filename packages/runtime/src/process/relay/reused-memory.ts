import type { FrameMemory } from '@microsandbox/protocol';

/** Bytes of a piece, if not more are asked for. */
const PIECE_BYTES = 128 * 1024;
/** Pieces that are kept for later; more were in use when somebody read slowly. */
const MAX_SPARE = 8;

interface Piece {
  readonly bytes: Buffer;
  /** Who still reads there. */
  readers: number;
}

/**
 * Memory that a stream is read into again and again: what passes through a relay is read once and then of no use, and
 * new memory for each read would keep the garbage collector busier than the relay.
 */
export class ReusedMemory implements FrameMemory {
  #current: Piece = { bytes: Buffer.alloc(0), readers: 0 };
  readonly #spare: Buffer[] = [];

  take(bytes: number): Buffer {
    if (this.isFree()) this.#keepSpare(this.#current);
    const piece = bytes > PIECE_BYTES ? Buffer.allocUnsafeSlow(bytes) : this.#spare.pop();
    this.#current = { bytes: piece ?? Buffer.allocUnsafeSlow(PIECE_BYTES), readers: 0 };
    return this.#current.bytes;
  }

  isFree(): boolean {
    return this.#current.readers === 0;
  }

  /** Keeps what was read last from being written to, until the returned function is called. */
  hold(): () => void {
    const piece = this.#current;
    let held = true;
    piece.readers += 1;
    return () => {
      if (!held) return;
      held = false;
      piece.readers -= 1;
      if (piece.readers === 0 && piece !== this.#current) this.#keepSpare(piece);
    };
  }

  #keepSpare({ bytes }: Piece): void {
    if (bytes.length === PIECE_BYTES && this.#spare.length < MAX_SPARE) this.#spare.push(bytes);
  }
}
