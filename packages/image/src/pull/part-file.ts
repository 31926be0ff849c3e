import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { hostFileError } from '../io/host-file-error.ts';

/** Bytes that are collected before they are written together. */
const BATCH_BYTES = 256 * 1024;
const MAX_IN_FLIGHT = 2;
const FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;

/**
 * The first bytes of a download, kept so that an interrupted one can go on. Written behind the reader's back in
 * batches.
 */
export class PartFile {
  readonly path: string;
  readonly #handle: FileHandle;
  /** Bytes in the file and in the batch. */
  #length: number;
  /** The batch being filled, and how much of it is. */
  #batch = Buffer.alloc(0);
  #batchBytes = 0;
  readonly #free: Buffer<ArrayBuffer>[] = [];
  #inFlight = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  private constructor(path: string, handle: FileHandle, length: number) {
    this.path = path;
    this.#handle = handle;
    this.#length = length;
  }

  /** Opens or makes a file (mode 0600). */
  static async open(path: string): Promise<PartFile> {
    try {
      const handle = await open(path, FLAGS, 0o600);
      return new PartFile(path, handle, (await handle.stat()).size);
    } catch (error) {
      throw hostFileError('write', path, error);
    }
  }

  /** Bytes that are there, or on their way. */
  get length(): number {
    return this.#length;
  }

  /** Throws away what is there. */
  async clear(): Promise<void> {
    await this.#guard(this.#handle.truncate(0));
    this.#length = 0;
  }

  /** Bytes that were there when the file was opened. */
  async *read(): AsyncGenerator<Buffer, void, void> {
    const end = this.#length;
    for (let at = 0; at < end; ) {
      const buffer = Buffer.allocUnsafe(Math.min(BATCH_BYTES, end - at));
      const { bytesRead } = await this.#guard(this.#handle.read(buffer, 0, buffer.length, at));
      if (bytesRead === 0) return;
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }

  /** Appends a copy of some bytes. Waits when the disk does not keep up. */
  async append(chunk: Buffer): Promise<void> {
    for (let done = 0; done < chunk.length; ) {
      if (this.#batch.length === 0) this.#batch = this.#free.pop() ?? Buffer.allocUnsafeSlow(BATCH_BYTES);
      const count = chunk.copy(this.#batch, this.#batchBytes, done);
      done += count;
      this.#batchBytes += count;
      this.#length += count;
      if (this.#batchBytes === this.#batch.length) this.#submit();
    }
    while (this.#inFlight.size > MAX_IN_FLIGHT) await Promise.race(this.#inFlight);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Writes what is left, as far as that is possible, and closes the file. */
  async close(): Promise<void> {
    this.#submit();
    await Promise.all(this.#inFlight);
    await this.#handle.close();
  }

  #submit(): void {
    if (this.#batchBytes === 0) return;
    const batch = this.#batch;
    const write = this.#write(batch.subarray(0, this.#batchBytes), this.#length - this.#batchBytes);
    this.#inFlight.add(write);
    void write.then(() => {
      this.#inFlight.delete(write);
      this.#free.push(batch);
    });
    this.#batch = Buffer.alloc(0);
    this.#batchBytes = 0;
  }

  /** Never rejects: failures come out of the next {@link append}. */
  async #write(batch: Buffer, position: number): Promise<void> {
    if (this.#failure !== undefined) return;
    try {
      for (let done = 0; done < batch.length; ) {
        const { bytesWritten } = await this.#handle.write(batch, done, batch.length - done, position + done);
        done += bytesWritten;
      }
    } catch (error) {
      // What lies behind a gap is of no use, and the file ends before it.
      this.#failure ??= { error: hostFileError('write', this.path, error) };
      await this.#handle.truncate(position).catch(() => undefined);
    }
  }

  #guard<T>(operation: Promise<T>): Promise<T> {
    return operation.catch((error: unknown) => {
      throw hostFileError('write', this.path, error);
    });
  }
}
