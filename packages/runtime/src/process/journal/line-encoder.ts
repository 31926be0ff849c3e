import { addon } from '@microsandbox/native';
import { BATCH_BYTES, FIRST_BATCH_BYTES } from './piece-batch.ts';
import { Pieces } from './pieces.ts';

/**
 * Rooms that are kept for later batches: those of 4 MiB that wait, and the one that is being filled. With fewer, a
 * program that prints much makes garbage faster than it is collected.
 */
const MAX_SPARE_ROOMS = 17;

/**
 * Turns output into lines of JSON in memory that the batches of one log use in turn: new memory for each would cost
 * more than the encoding.
 */
export class LineEncoder {
  readonly #spare: Buffer[] = [];
  /** Lines of the last two batches, the older first: one may still be written while the next is made. */
  #lines = [Buffer.alloc(0), Buffer.alloc(0)] as const;

  /** Room for the output of a batch whose first piece is `bytes` long. */
  room(bytes: number, options: { readonly isFirst: boolean }): Buffer {
    if (options.isFirst && bytes <= FIRST_BATCH_BYTES) return Buffer.allocUnsafe(FIRST_BATCH_BYTES);
    if (bytes > BATCH_BYTES) return Buffer.allocUnsafe(bytes);
    return this.#spare.pop() ?? Buffer.allocUnsafe(BATCH_BYTES);
  }

  /**
   * The lines of the output in `room`, which must not be used afterwards. They hold until the call after the next.
   *
   * @param records two numbers a piece: where it ends in `room`, and the index of its head in `frames`, which the tail
   * follows
   */
  encode(room: Buffer, records: Uint32Array, frames: readonly string[]): Pieces {
    const [older, newer] = this.#lines;
    let lines = older;
    let ends = addon().encodeJsonLines(room, records, frames, lines);
    const bytes = ends.at(-1) ?? 0;
    if (bytes > lines.length) {
      lines = Buffer.allocUnsafeSlow(bytes + bytes / 8);
      ends = addon().encodeJsonLines(room, records, frames, lines);
    }
    this.#lines = [newer, lines];
    if (room.length === BATCH_BYTES && this.#spare.length < MAX_SPARE_ROOMS) this.#spare.push(room);
    return new Pieces(lines, ends);
  }
}
