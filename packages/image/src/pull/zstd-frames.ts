import { ImageError } from '@microsandbox/types';

const MAGIC = 0xfd2f_b528;
const SKIPPABLE_MAGIC = 0x184d_2a50;
const MAGIC_BYTES = 4;
const BLOCK_HEADER_BYTES = 3;
const RLE_BLOCK = 1;

/** What the next bytes are. */
type Step = 'magic' | 'skip-size' | 'skip' | 'descriptor' | 'header' | 'block-header' | 'block' | 'checksum';

/**
 * Finds the ends of frames in a zstd stream that comes in pieces cut anywhere (RFC 8878, section 3.1), because
 * Node's decoder stops at the end of a frame and drops what follows in the same write.
 */
export class ZstdFrames {
  #step: Step = 'magic';
  /** Bytes of the current step that are still to come. */
  #left = MAGIC_BYTES;
  /** Little-endian value of the bytes of a small field so far. */
  #value = 0;
  #shift = 0;
  #hasChecksum = false;
  #lastBlock = false;
  #between = true;

  /**
   * Cuts a piece into parts of which none crosses the end of a frame.
   *
   * @throws {ImageError} when this is no zstd stream.
   */
  *split(piece: Buffer): Generator<Buffer, void, void> {
    let start = 0;
    for (let at = 0; at < piece.length; ) {
      const isField = this.#step !== 'skip' && this.#step !== 'block' && this.#step !== 'checksum';
      if (isField) this.#addToField(piece[at++] as number);
      else at += this.#pass(piece.length - at);
      if (this.#left > 0) continue;
      if (!this.#next()) continue;
      yield piece.subarray(start, at);
      start = at;
    }
    if (start < piece.length) yield piece.subarray(start);
  }

  /** To be called when no more bytes come. */
  end(): void {
    if (!this.#between) throw new ImageError('unexpected end of zstd stream');
  }

  #addToField(byte: number): void {
    this.#between = false;
    this.#value += byte * 2 ** this.#shift;
    this.#shift += 8;
    this.#left--;
  }

  #pass(available: number): number {
    const count = Math.min(this.#left, available);
    this.#left -= count;
    return count;
  }

  /** Goes on to the next step; true when a frame is complete. */
  #next(): boolean {
    const value = this.#value;
    this.#value = this.#shift = 0;
    switch (this.#step) {
      case 'magic':
        if (value === MAGIC) this.#enter('descriptor', 1);
        else if (Math.floor(value / 16) === SKIPPABLE_MAGIC / 16) this.#enter('skip-size', 4);
        else throw new ImageError('not a zstd stream');
        return false;
      case 'skip-size':
        this.#enter('skip', value);
        return value === 0 && this.#endFrame();
      case 'skip':
        return this.#endFrame();
      case 'descriptor':
        this.#hasChecksum = (value & 0x04) !== 0;
        this.#enter('header', headerBytes(value));
        return false;
      case 'header':
        this.#enter('block-header', BLOCK_HEADER_BYTES);
        return false;
      case 'block-header': {
        this.#lastBlock = (value & 1) !== 0;
        const bytes = ((value >>> 1) & 3) === RLE_BLOCK ? 1 : value >>> 3;
        this.#enter('block', bytes);
        return bytes === 0 && this.#endBlock();
      }
      case 'block':
        return this.#endBlock();
      case 'checksum':
        return this.#endFrame();
    }
  }

  #endBlock(): boolean {
    if (!this.#lastBlock) this.#enter('block-header', BLOCK_HEADER_BYTES);
    else if (this.#hasChecksum) this.#enter('checksum', 4);
    else return this.#endFrame();
    return false;
  }

  #endFrame(): boolean {
    this.#enter('magic', MAGIC_BYTES);
    this.#between = true;
    return true;
  }

  #enter(step: Step, bytes: number): void {
    this.#step = step;
    this.#left = bytes;
  }
}

/** Bytes of window descriptor, dictionary id and content size, from the frame header descriptor. */
function headerBytes(descriptor: number): number {
  const singleSegment = (descriptor & 0x20) !== 0;
  const dictionary = [0, 1, 2, 4][descriptor & 3] as number;
  const contentSize = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >>> 6] as number;
  return (singleSegment ? 0 : 1) + dictionary + contentSize;
}
