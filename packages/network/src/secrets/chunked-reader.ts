import { BlockedConnection } from './blocked.ts';

/** Longest line with the size of a chunk, and longest trailer, in bytes. */
const MAX_LINE_BYTES = 64 * 1024;
/** More trailers than that are no trailers. */
const MAX_TRAILER_LINES = 1024;

/** A piece of a chunked body. */
export type ChunkedPiece =
  /** Bytes of the body. */
  | { readonly kind: 'data'; readonly data: Buffer }
  /** The end, with the trailer fields as they came. */
  | { readonly kind: 'end'; readonly trailers: readonly string[] };

/**
 * Takes a chunked body apart (RFC 9112 section 7.1). Extensions of chunks are dropped; whatever servers might read in
 * two ways is refused.
 */
export class ChunkedReader {
  #state: 'size' | 'data' | 'data-end' | 'trailers' | 'done' = 'size';
  #line = '';
  #left = 0;
  readonly #trailers: string[] = [];

  /**
   * Reads as far as the body goes.
   *
   * @returns the pieces, and what belongs to whatever follows the body
   * @throws BlockedConnection
   */
  read(chunk: Buffer): { readonly pieces: ChunkedPiece[]; readonly rest: Buffer } {
    const pieces: ChunkedPiece[] = [];
    let rest = chunk;
    while (rest.length > 0 && this.#state !== 'done') {
      if (this.#state === 'data') {
        const data = rest.subarray(0, this.#left);
        this.#left -= data.length;
        rest = rest.subarray(data.length);
        pieces.push({ kind: 'data', data });
        if (this.#left === 0) this.#state = 'data-end';
        continue;
      }
      const line = this.#takeLine(rest);
      rest = line.rest;
      if (line.text === null) break;
      const end = this.#takeState(line.text);
      if (end !== null) pieces.push(end);
    }
    return { pieces, rest };
  }

  #takeState(line: string): ChunkedPiece | null {
    switch (this.#state) {
      case 'size': {
        const [, size = ''] = /^([0-9a-fA-F]{1,12})[ \t]*(?:;.*)?$/.exec(line) ?? [];
        if (size === '') throw new BlockedConnection('request: malformed chunk size');
        this.#left = Number.parseInt(size, 16);
        this.#state = this.#left === 0 ? 'trailers' : 'data';
        return null;
      }
      case 'data-end':
        if (line !== '') throw new BlockedConnection('request: a chunk longer than its size');
        this.#state = 'size';
        return null;
      default:
        if (line === '') {
          this.#state = 'done';
          return { kind: 'end', trailers: this.#trailers };
        }
        this.#trailers.push(line);
        if (this.#trailers.length > MAX_TRAILER_LINES)
          throw new BlockedConnection('request: too many trailers');
        return null;
    }
  }

  /** A line without its CR LF, or null while it is not whole. */
  #takeLine(bytes: Buffer): { readonly text: string | null; readonly rest: Buffer } {
    const newline = bytes.indexOf(0x0a);
    const end = newline === -1 ? bytes.length : newline + 1;
    this.#line += bytes.toString('latin1', 0, end);
    if (this.#line.length > MAX_LINE_BYTES) throw new BlockedConnection('request: a line without an end');
    const rest = bytes.subarray(end);
    if (newline === -1) return { text: null, rest };
    const line = this.#line;
    this.#line = '';
    if (!line.endsWith('\r\n') || line.slice(0, -2).includes('\r')) {
      throw new BlockedConnection('request: a line that does not end with CR LF');
    }
    return { text: line.slice(0, -2), rest };
  }
}

/** A chunk as it is sent; nothing for no bytes, which would be the end. */
export function formatChunk(data: Buffer): Buffer {
  if (data.length === 0) return data;
  const size = data.length.toString(16).toUpperCase();
  return Buffer.concat([Buffer.from(`${size}\r\n`), data, Buffer.from('\r\n')]);
}

/** The end of a chunked body. */
export function formatLastChunk(trailers: readonly string[]): Buffer {
  return Buffer.from(['0', ...trailers, '', ''].join('\r\n'), 'latin1');
}
