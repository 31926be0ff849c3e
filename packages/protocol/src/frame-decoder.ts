import { ProtocolError } from '@microsandbox/types';
import { FRAME_HEADER_SIZE, FRAME_PREFIX_SIZE, MAX_FRAME_SIZE } from './constants.ts';
import { type Frame, frameTooLarge, frameTooShort } from './frame.ts';

/** A frame together with the very bytes it came in, so that a relay can pass it on unchanged. */
export interface DecodedFrame extends Frame {
  /** The whole frame, length prefix included. */
  readonly bytes: Buffer;
}

const EMPTY = Buffer.alloc(0);
const FIRST_PARTIAL_SIZE = 4096;

/**
 * Cuts a byte stream into frames, whatever the boundaries of its pieces.
 *
 * A frame outside the limits throws once and is stepped over: who goes on iterating gets the frames behind it.
 * Memory held is what was pushed and not yet read, and at most one incomplete frame.
 *
 * @example
 * for await (const chunk of socket) for (const frame of decoder.push(chunk)) handle(frame);
 */
export class FrameDecoder {
  /** Bytes pushed and not looked at yet. */
  #input: Buffer = EMPTY;
  /** The frame whose end has not come yet: an own buffer that grows by doubling, and how much of it is filled. */
  #partial: Buffer = EMPTY;
  #filled = 0;
  /** Bytes of a refused frame still to be stepped over. */
  #skip = 0;

  /** Adds bytes and returns the frames that are complete now. `chunk` must not be changed afterwards. */
  push(chunk: Uint8Array): Generator<DecodedFrame, void, undefined> {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#input = this.#input.length === 0 ? bytes : Buffer.concat([this.#input, bytes]);
    return this.frames();
  }

  /**
   * The complete frames not read yet.
   *
   * @throws ProtocolError for a frame that is too large (as soon as its length is known) or too short.
   */
  *frames(): Generator<DecodedFrame, void, undefined> {
    for (;;) {
      const bytes = this.#next();
      if (bytes === null) return;
      yield {
        id: bytes.readUInt32BE(4),
        flags: bytes.readUInt8(8),
        body: bytes.subarray(FRAME_PREFIX_SIZE + FRAME_HEADER_SIZE),
        bytes,
      };
    }
  }

  /** True when the bytes so far end inside a frame. */
  get incomplete(): boolean {
    return this.#filled > 0 || this.#skip > 0 || this.#input.length > 0;
  }

  /** @throws ProtocolError when the stream ended inside a frame. */
  end(): void {
    if (this.incomplete) throw new ProtocolError('unexpected end of stream');
  }

  #next(): Buffer | null {
    this.#stepOver();
    if (this.#filled === 0 && this.#input.length >= FRAME_PREFIX_SIZE) {
      const total = FRAME_PREFIX_SIZE + this.#checkedSize(this.#input);
      if (this.#input.length >= total) return this.#checkedFrame(this.#takeInput(total));
    }
    return this.#continuePartial();
  }

  /** Slow path: the frame does not lie in one piece, so it is gathered in a buffer of its own. */
  #continuePartial(): Buffer | null {
    if (this.#input.length === 0) return null;
    this.#fill(FRAME_PREFIX_SIZE);
    if (this.#filled < FRAME_PREFIX_SIZE) return null;
    const total = FRAME_PREFIX_SIZE + this.#checkedSize(this.#partial);
    this.#fill(total);
    if (this.#filled < total) return null;
    const bytes = this.#partial.subarray(0, total);
    this.#dropPartial();
    return this.#checkedFrame(bytes);
  }

  /** Copies input until the partial frame holds `total` bytes or the input is empty. */
  #fill(total: number): void {
    const wanted = Math.min(total - this.#filled, this.#input.length);
    if (wanted <= 0) return;
    const needed = this.#filled + wanted;
    if (needed > this.#partial.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#partial.length, FIRST_PARTIAL_SIZE));
      this.#partial.copy(grown, 0, 0, this.#filled);
      this.#partial = grown;
    }
    this.#takeInput(wanted).copy(this.#partial, this.#filled);
    this.#filled += wanted;
  }

  #checkedSize(bytes: Buffer): number {
    const size = bytes.readUInt32BE(0);
    if (size <= MAX_FRAME_SIZE) return size;
    this.#skip = size + FRAME_PREFIX_SIZE - this.#filled;
    this.#dropPartial();
    this.#stepOver();
    throw frameTooLarge(size);
  }

  #checkedFrame(bytes: Buffer): Buffer {
    const size = bytes.length - FRAME_PREFIX_SIZE;
    if (size < FRAME_HEADER_SIZE) throw frameTooShort(size);
    return bytes;
  }

  #stepOver(): void {
    const skipped = Math.min(this.#skip, this.#input.length);
    this.#skip -= skipped;
    this.#takeInput(skipped);
  }

  #takeInput(length: number): Buffer {
    const taken = this.#input.subarray(0, length);
    this.#input = length === this.#input.length ? EMPTY : this.#input.subarray(length);
    return taken;
  }

  #dropPartial(): void {
    this.#partial = EMPTY;
    this.#filled = 0;
  }
}
