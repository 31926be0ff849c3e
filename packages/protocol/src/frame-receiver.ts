import type { ProtocolError } from '@microsandbox/types';
import { FRAME_HEADER_SIZE, FRAME_PREFIX_SIZE, MAX_FRAME_SIZE } from './constants.ts';
import { frameTooLarge, frameTooShort } from './frame.ts';
import type { DecodedFrame } from './frame-decoder.ts';

/** Where a {@link FrameReceiver} has its memory from. */
export interface FrameMemory {
  /** A piece of at least `bytes`, which nobody reads any more. */
  take(bytes: number): Buffer;
  /** Whether nobody reads frames any more that lie in the piece taken last, so that it may be written to again. */
  isFree(): boolean;
}

/** Least room that is offered for a read. */
const MIN_ROOM = 16 * 1024;

const EMPTY = Buffer.alloc(0);

/**
 * Cuts a byte stream into frames where its bytes were read to: unlike a `FrameDecoder`, it says where that is. Nothing
 * is copied but the frame whose end does not fit its piece of memory.
 *
 * A frame outside the limits throws once and is stepped over: who calls {@link next} again gets the frames behind it.
 *
 * @example
 * createConnection({ path, onread: { buffer: () => receiver.room(), callback: (count, bytes) => {
 *   receiver.push(bytes.subarray(0, count));
 *   for (let frame = receiver.next(); frame !== null; frame = receiver.next()) handle(frame);
 *   return true;
 * } } });
 */
export class FrameReceiver {
  readonly #memory: FrameMemory;
  #piece: Buffer = EMPTY;
  /** Start of what was not handed out yet, and end of what came. */
  #start = 0;
  #end = 0;
  /** Bytes of a refused frame still to be stepped over. */
  #skip = 0;

  constructor(memory: FrameMemory) {
    this.#memory = memory;
  }

  /** Where the next bytes are to be read to; it is valid until they are pushed. */
  room(): Buffer {
    // A length that was only announced is not believed at once.
    const come = this.#end - this.#start;
    this.#reserve(Math.max(Math.min(this.#missing(), come), MIN_ROOM));
    return this.#piece.subarray(this.#end);
  }

  /** Takes the next bytes of the stream. They are copied when they do not lie in the room that was offered. */
  push(bytes: Uint8Array): void {
    const offset = this.#piece.byteOffset + this.#end;
    if (bytes.buffer !== this.#piece.buffer || bytes.byteOffset !== offset) {
      this.#reserve(bytes.length);
      this.#piece.set(bytes, this.#end);
    }
    this.#end += bytes.length;
  }

  /**
   * The next complete frame, or null until more bytes come.
   *
   * @throws ProtocolError for a frame that is too large (as soon as its length is known) or too short.
   */
  next(): DecodedFrame | null {
    this.#stepOver();
    const size = this.#size();
    if (size === null) return null;
    if (size > MAX_FRAME_SIZE) return this.#refuse(size, frameTooLarge(size));
    const start = this.#start;
    const end = start + FRAME_PREFIX_SIZE + size;
    if (end > this.#end) return null;
    if (size < FRAME_HEADER_SIZE) return this.#refuse(size, frameTooShort(size));
    this.#start = end;
    const piece = this.#piece;
    return {
      id: piece.readUInt32BE(start + FRAME_PREFIX_SIZE),
      flags: piece.readUInt8(start + FRAME_PREFIX_SIZE + 4),
      body: piece.subarray(start + FRAME_PREFIX_SIZE + FRAME_HEADER_SIZE, end),
      bytes: piece.subarray(start, end),
    };
  }

  /** What the length of the frame at hand says, once it is there. */
  #size(): number | null {
    return this.#end - this.#start < FRAME_PREFIX_SIZE ? null : this.#piece.readUInt32BE(this.#start);
  }

  /** Bytes that the frame at hand still lacks. */
  #missing(): number {
    const size = this.#size();
    if (size === null || size > MAX_FRAME_SIZE) return 0;
    return FRAME_PREFIX_SIZE + size - (this.#end - this.#start);
  }

  /** Makes room for `bytes` behind what came. */
  #reserve(bytes: number): void {
    const isFree = this.#memory.isFree();
    if (isFree && this.#start === this.#end) this.#start = this.#end = 0;
    if (this.#piece.length - this.#end >= bytes) return;
    const begun = this.#piece.subarray(this.#start, this.#end);
    if (!isFree || begun.length + bytes > this.#piece.length) {
      this.#piece = this.#memory.take(begun.length + bytes);
    }
    this.#piece.set(begun);
    this.#start = 0;
    this.#end = begun.length;
  }

  #refuse(size: number, error: ProtocolError): never {
    this.#skip = FRAME_PREFIX_SIZE + size;
    this.#stepOver();
    throw error;
  }

  #stepOver(): void {
    const skipped = Math.min(this.#skip, this.#end - this.#start);
    this.#skip -= skipped;
    this.#start += skipped;
  }
}
