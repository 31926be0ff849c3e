import type { FileHandle } from 'node:fs/promises';
import { BLOCK_BYTES } from './ext4-format.ts';
import { nonzeroRuns } from './nonzero-runs.ts';
import { writeFully } from './write-fully.ts';

const BATCH_BYTES = 1024 * 1024;

/**
 * Writes to a new file in large batches, though it is filled in small pieces, and leaves holes where all is zero.
 * Pieces that follow each other, but for the end of a block, go together.
 */
export class BatchedOutput {
  /** Largest piece. */
  static readonly maxBytes = BATCH_BYTES;

  readonly #handle: FileHandle;
  readonly #path: string;
  #batch = Buffer.allocUnsafeSlow(BATCH_BYTES);
  #spare = Buffer.allocUnsafeSlow(BATCH_BYTES);
  /** Where the batch goes in the file, and how much of it is filled. */
  #start = 0;
  #used = 0;
  /** The write of the batch before. */
  #writing: Promise<void> = Promise.resolve();

  constructor(handle: FileHandle, path: string) {
    this.#handle = handle;
    this.#path = path;
  }

  /** A place in the batch for the next `bytes` (at most {@link maxBytes}) at `position`; the caller fills it. */
  async place(position: number, bytes: number): Promise<Buffer> {
    const gap = position - (this.#start + this.#used);
    if (gap < 0 || gap >= BLOCK_BYTES || this.#used + gap + bytes > BATCH_BYTES) {
      await this.flush();
      this.#start = position;
    } else {
      this.#batch.fill(0, this.#used, this.#used + gap);
      this.#used += gap;
    }
    this.#used += bytes;
    return this.#batch.subarray(this.#used - bytes, this.#used);
  }

  /** Starts to write what is filled, when the batch before is written. */
  async flush(): Promise<void> {
    await this.#writing;
    if (this.#used === 0) return;
    const [batch, start] = [this.#batch.subarray(0, this.#used), this.#start];
    [this.#batch, this.#spare] = [this.#spare, this.#batch];
    this.#used = 0;
    this.#writing = this.#write(batch, start);
    // Whoever comes next is told.
    this.#writing.catch(() => undefined);
  }

  /** Writes all that is left and waits for it. */
  async finish(): Promise<void> {
    await this.flush();
    await this.#writing;
  }

  /** Waits until nothing is being written; whoever gave up must do this before closing the file. */
  async settle(): Promise<void> {
    await this.#writing.catch(() => undefined);
  }

  async #write(batch: Buffer, start: number): Promise<void> {
    for (const { offset, bytes } of nonzeroRuns(batch)) {
      await writeFully(this.#handle, this.#path, bytes, start + offset);
    }
  }
}
