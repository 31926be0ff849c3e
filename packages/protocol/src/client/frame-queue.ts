import type { DecodedFrame } from '../frame-decoder.ts';

/** A reader that waits for the next frame. */
interface Waiter {
  resolve(frame: DecodedFrame | null): void;
  reject(error: unknown): void;
}

/**
 * Frames between a connection and one reader. It counts its bytes and leaves it to the connection what to do about
 * them. Several `next()` at once are answered in order.
 */
export class FrameQueue {
  readonly #frames: DecodedFrame[] = [];
  readonly #waiters: Waiter[] = [];
  /** Set once nothing more will come; `error` says that the end was not an orderly one. */
  #ended: { readonly error?: unknown } | null = null;
  #bytes = 0;

  /** Bytes of the frames that wait for the reader. */
  get bytes(): number {
    return this.#bytes;
  }

  push(frame: DecodedFrame): void {
    if (this.#ended !== null) return;
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) {
      waiter.resolve(frame);
      return;
    }
    this.#frames.push(frame);
    this.#bytes += frame.bytes.length;
  }

  /** The frames so far are still read; then comes the end, or `error`. */
  end(error?: unknown): void {
    if (this.#ended !== null) return;
    this.#ended = error === undefined ? {} : { error };
    for (const waiter of this.#waiters.splice(0)) this.#finish(waiter);
  }

  /** Like {@link end}, but what was not read yet is thrown away. */
  discard(error?: unknown): void {
    this.#frames.length = 0;
    this.#bytes = 0;
    if (error !== undefined) this.#ended = null;
    this.end(error);
  }

  /** The next frame, or null at the end. */
  next(): Promise<DecodedFrame | null> {
    const frame = this.#frames.shift();
    if (frame !== undefined) {
      this.#bytes -= frame.bytes.length;
      return Promise.resolve(frame);
    }
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject };
      if (this.#ended === null) this.#waiters.push(waiter);
      else this.#finish(waiter);
    });
  }

  #finish(waiter: Waiter): void {
    if (this.#ended !== null && 'error' in this.#ended) waiter.reject(this.#ended.error);
    else waiter.resolve(null);
  }
}
