import type { FileHandle } from 'node:fs/promises';
import { hostFileError } from './host-file-error.ts';
import { openOutput } from './open-output.ts';

/** Bytes a write. Large enough that the cost of a call through the thread pool does not show. */
const BATCH_BYTES = 1024 * 1024;

/** Runs of zeros from this length on are left out of the file. */
const MIN_HOLE_BYTES = 64 * 1024;

/** Batches being written at once before {@link BatchWriter.drain} waits; bounds the memory of a writer. */
const MAX_IN_FLIGHT = 3;

/**
 * Writes a file from front to back in large batches, while the next batch is being filled.
 *
 * Filling is synchronous: the caller takes bytes of the current batch and writes into them, and calls
 * {@link drain} now and then, which is where it waits for the disk. The file is made with the first batch.
 */
export class BatchWriter {
  readonly path: string;
  /** The batch being filled; bytes from {@link take}'s result on are the caller's until the next submit. */
  buffer = Buffer.alloc(0);
  #used = 0;
  #submitted = 0;
  #endsInHole = false;
  #handle: Promise<FileHandle> | undefined;
  #free: Buffer<ArrayBuffer>[] = [];
  #inFlight = new Set<Promise<void>>();
  #fillers: Promise<unknown>[] = [];
  #failure: { readonly error: unknown } | undefined;

  constructor(path: string) {
    this.path = path;
  }

  /** Largest number of bytes that {@link take} can give. */
  static readonly maxTake = BATCH_BYTES;

  /** Where in the file the next byte goes. */
  get position(): number {
    return this.#submitted + this.#used;
  }

  /** Bytes left in the current batch. */
  get room(): number {
    return this.buffer.length - this.#used;
  }

  /**
   * Takes the next `bytes` (at most {@link maxTake}) of the file, all in one batch, and returns their offset in
   * {@link buffer}. Their content is undefined.
   */
  take(bytes: number): number {
    if (this.room < bytes) this.submit();
    const offset = this.#used;
    this.#used += bytes;
    return offset;
  }

  /** Appends a copy of `bytes`, of any length. */
  append(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      if (this.room === 0) this.submit();
      const count = Math.min(this.room, bytes.length - done);
      this.buffer.set(
        done === 0 && count === bytes.length ? bytes : bytes.subarray(done, done + count),
        this.#used,
      );
      this.#used += count;
      done += count;
    }
  }

  /** Appends zeros up to the next multiple of `alignment`. */
  align(alignment: number): void {
    this.appendZeros((alignment - (this.position % alignment)) % alignment);
  }

  /** Appends zeros; many of them become a hole in the file, which takes neither memory nor disk. */
  appendZeros(bytes: number): void {
    if (bytes >= MIN_HOLE_BYTES) {
      this.#sendCopy();
      this.#submitted += bytes;
      this.#endsInHole = true;
      return;
    }
    for (let missing = bytes; missing > 0; ) {
      if (this.room === 0) this.submit();
      const count = Math.min(this.room, missing);
      this.buffer.fill(0, this.#used, this.#used + count);
      this.#used += count;
      missing -= count;
    }
  }

  /** The current batch is not written before `filler` is done, and not at all if it fails. */
  waitFor(filler: Promise<unknown>): void {
    filler.catch(() => undefined);
    this.#fillers.push(filler);
  }

  /** Sends the current batch to the disk and starts an empty one. */
  submit(): void {
    if (this.#used > 0) this.#send();
    if (this.buffer.length === 0) this.buffer = this.#free.pop() ?? Buffer.allocUnsafeSlow(BATCH_BYTES);
  }

  #send(): void {
    const { buffer } = this;
    this.#start(buffer.subarray(0, this.#used), () => this.#free.push(buffer));
    this.buffer = Buffer.alloc(0);
  }

  /** Sends the bytes of the current batch but keeps its buffer: many small pieces do not take a buffer each. */
  #sendCopy(): void {
    // Fillers write into the buffer itself.
    if (this.#fillers.length > 0) this.#send();
    else if (this.#used > 0) this.#start(Buffer.from(this.buffer.subarray(0, this.#used)), () => undefined);
  }

  #start(batch: Uint8Array, release: () => void): void {
    const write = this.#write(batch, this.#submitted, this.#fillers).finally(release);
    this.#inFlight.add(write);
    void write.then(() => this.#inFlight.delete(write));
    this.#submitted += this.#used;
    this.#used = 0;
    this.#fillers = [];
    this.#endsInHole = false;
  }

  /** Whether {@link drain} would wait. */
  get congested(): boolean {
    return this.#inFlight.size > MAX_IN_FLIGHT;
  }

  /** Waits until little enough is on its way to the disk. Throws the first failure of the writes before. */
  async drain(): Promise<void> {
    for (const oldest of this.#inFlight) {
      if (!this.congested) break;
      await oldest;
    }
    this.#throwFailure();
  }

  /** Writes what is left and closes the file. */
  async finish(): Promise<void> {
    if (this.#used > 0) this.#send();
    await Promise.allSettled(this.#inFlight);
    this.#throwFailure();
    if (this.#endsInHole) await this.#extend();
    await this.#close();
  }

  /** Closes the file after a failure elsewhere; what it holds is of no use. Does nothing after {@link finish}. */
  async abort(): Promise<void> {
    await this.#close();
  }

  async #write(batch: Uint8Array, position: number, fillers: Promise<unknown>[]): Promise<void> {
    try {
      if (fillers.length > 0) await Promise.all(fillers);
      if (this.#failure !== undefined) return;
      const handle = await this.#open();
      for (let done = 0; done < batch.length; ) {
        const { bytesWritten } = await handle
          .write(batch, done, batch.length - done, position + done)
          .catch((error: unknown) => {
            throw hostFileError('write', this.path, error);
          });
        done += bytesWritten;
      }
    } catch (error) {
      this.#failure ??= { error };
    }
  }

  /** Gives the file its length when nothing is written at its end. */
  async #extend(): Promise<void> {
    const handle = await this.#open();
    await handle.truncate(this.#submitted).catch((error: unknown) => {
      throw hostFileError('write', this.path, error);
    });
  }

  #open(): Promise<FileHandle> {
    this.#handle ??= openOutput(this.path);
    return this.#handle;
  }

  async #close(): Promise<void> {
    await Promise.allSettled([...this.#inFlight, ...this.#fillers]);
    const opening = this.#handle;
    this.#handle = undefined;
    const handle = await opening?.catch(() => undefined);
    await handle?.close();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
