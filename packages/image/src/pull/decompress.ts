import type { Transform } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { ImageError } from '@microsandbox/types';
import type { Compression } from './compression.ts';
import { ZstdFrames } from './zstd-frames.ts';

/** Output comes in pieces of this size, made by a thread of Node's pool while the last ones are being used. */
const OUTPUT_BYTES = 512 * 1024;
/** How much output may wait for its reader, bytes. */
const HIGH_WATER_BYTES = 4 * OUTPUT_BYTES;

/**
 * Unpacks a stream: all members of gzip, all frames of zstd. Chunks are taken from `source` one by one, ahead of the
 * reader; when the reader leaves early, no more are taken and `source` stays open. A chunk that comes out is good only
 * until the next one is asked for.
 *
 * @throws {ImageError} when the data is broken or ends early. Errors of `source` pass through.
 */
export async function* decompress(
  source: AsyncIterator<Buffer, void, void>,
  compression: Compression,
): AsyncGenerator<Buffer, void, void> {
  if (compression === 'none') {
    for (let next = await source.next(); !next.done; next = await source.next()) yield next.value;
    return;
  }
  const output = new OutputQueue(compression);
  void output.feed(source);
  try {
    for (let chunk = await output.next(); chunk !== undefined; chunk = await output.next()) {
      yield chunk;
      release(chunk);
    }
  } finally {
    output.stop();
  }
}

/**
 * Gives memory back at once, which spares most of the garbage collections that hundreds of megabytes of output cost.
 * Chunks are parts of the decoder's buffers, in order: with the one that ends a buffer all of it has been used, and
 * the decoder has a new one.
 */
function release({ buffer, byteOffset, byteLength }: Buffer): void {
  if (byteOffset + byteLength === buffer.byteLength && buffer.byteLength === OUTPUT_BYTES) {
    (buffer as ArrayBuffer & { transfer(bytes: number): ArrayBuffer }).transfer(0);
  }
}

/** Carries chunks from a decoder to one reader without joining them, as the stream's own iterator would. */
class OutputQueue {
  readonly #decoder: Transform;
  readonly #frames: ZstdFrames | undefined;
  readonly #chunks: Buffer[] = [];
  #queuedBytes = 0;
  #ended = false;
  #stopped = false;
  #failure: { readonly error: unknown } | undefined;
  #wake = (): void => undefined;

  constructor(compression: 'gzip' | 'zstd') {
    const options = { chunkSize: OUTPUT_BYTES, readableHighWaterMark: OUTPUT_BYTES };
    this.#frames = compression === 'zstd' ? new ZstdFrames() : undefined;
    this.#decoder = compression === 'gzip' ? createGunzip(options) : createZstdDecompress(options);
    this.#decoder.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#queuedBytes += chunk.length;
      if (this.#queuedBytes >= HIGH_WATER_BYTES) this.#decoder.pause();
      this.#wake();
    });
    this.#decoder.once('end', () => {
      this.#ended = true;
      this.#wake();
    });
    this.#decoder.once('error', (cause) => {
      this.#fail(new ImageError(`cannot unpack: ${cause.message}`, { cause }));
    });
  }

  /** Writes all of a source to the decoder. */
  async feed(source: AsyncIterator<Buffer, void, void>): Promise<void> {
    try {
      while (!this.#isOver) {
        const next = await source.next();
        if (next.done || this.#isOver) break;
        if (this.#frames === undefined) await this.#write(next.value);
        else for (const part of this.#frames.split(next.value)) await this.#write(part);
      }
      this.#frames?.end();
      if (!this.#isOver) this.#decoder.end();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The next output, or undefined at the end. */
  async next(): Promise<Buffer | undefined> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#queuedBytes -= chunk.length;
        if (this.#decoder.isPaused() && this.#queuedBytes < HIGH_WATER_BYTES / 2) this.#decoder.resume();
        return chunk;
      }
      if (this.#failure !== undefined) throw this.#failure.error;
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#decoder.destroy();
  }

  get #isOver(): boolean {
    return this.#stopped || this.#failure !== undefined;
  }

  /** Resolves when the decoder has taken the piece in, or is no more. */
  #write(piece: Buffer): Promise<void> {
    return new Promise((resolve) => {
      this.#decoder.write(piece, () => resolve());
    });
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#decoder.destroy();
    this.#wake();
  }
}
