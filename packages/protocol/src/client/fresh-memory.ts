import type { FrameMemory } from '../frame-receiver.ts';

const FIRST_BYTES = 16 * 1024;
const MAX_BYTES = 512 * 1024;

/**
 * Memory for frames that belong to whoever reads them, so that it is never written to again. A piece is taken when the
 * one before is full, so a connection with much to say soon has large ones, and one with little has one small one.
 */
export class FreshMemory implements FrameMemory {
  #bytes = FIRST_BYTES;

  take(bytes: number): Buffer {
    const piece = Buffer.allocUnsafeSlow(Math.max(bytes, this.#bytes));
    this.#bytes = Math.min(2 * piece.length, MAX_BYTES);
    return piece;
  }

  isFree(): boolean {
    return false;
  }
}
