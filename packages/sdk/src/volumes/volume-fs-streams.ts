import type { FileHandle } from 'node:fs/promises';
import { toBytes } from '../exec/stdin.ts';
import { chunksOf, collectChunks } from '../fs/collect-chunks.ts';

const CHUNK_BYTES = 64 * 1024;

/** A file of a volume, piece by piece. Dispose of it when it is not read to its end. */
export class VolumeFsReadStream implements AsyncIterable<Uint8Array>, AsyncDisposable {
  readonly #handle: FileHandle;
  #done = false;

  /** @internal Use `VolumeFs.readStream()`. */
  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** The next piece, or null at the end. */
  async recv(): Promise<Uint8Array | null> {
    if (this.#done) return null;
    const { bytesRead, buffer } = await this.#handle.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES);
    if (bytesRead > 0) return buffer.subarray(0, bytesRead);
    await this[Symbol.asyncDispose]();
    return null;
  }

  /**
   * Everything from here to the end.
   *
   * @throws SandboxFsOpsError when that is more than fits in memory
   */
  collect(): Promise<Uint8Array> {
    return collectChunks(this);
  }

  /** Pieces from here on. */
  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    return chunksOf(this);
  }

  /** Closes the file. Repeatable. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#done) return;
    this.#done = true;
    await this.#handle.close();
  }
}

/** Writes a file of a volume, piece by piece. The data is complete only after {@link close}. */
export class VolumeFsWriteSink implements AsyncDisposable {
  readonly #handle: FileHandle;
  #closing: Promise<void> | undefined;
  /** The end of the last write; the next one waits for it. */
  #turn: Promise<void> = Promise.resolve();

  /** @internal Use `VolumeFs.writeStream()`. */
  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async write(data: Uint8Array | string): Promise<void> {
    if (this.#closing !== undefined) throw new Error('write sink already closed');
    const written = this.#turn.then(() => this.#handle.writeFile(toBytes(data)));
    this.#turn = written.catch(() => {});
    await written;
  }

  /** @internal */
  async chmod(mode: number): Promise<void> {
    await this.#handle.chmod(mode);
  }

  /** Repeatable. */
  close(): Promise<void> {
    this.#closing ??= this.#turn.then(() => this.#handle.close());
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
