import { type FileHandle, open, rename } from 'node:fs/promises';
import { errnoOf } from '@microsandbox/utils';

/** Size from which a log is rotated (spec: state 18). */
export const LOG_LIMIT_BYTES = 10 * 1024 * 1024;

/** Highest number of a rotated file; `.1` is the newest. */
const LAST_ROTATED = 4;

/** Most bytes that one write call takes. */
const BATCH_BYTES = 1024 * 1024;

/**
 * An append-only file that is set aside when it grows too large: live to `.1`, `.1` to `.2`, up to `.4`.
 *
 * Writes are queued and never fail the caller: a log that cannot be written must not stop a sandbox. The first
 * failure is told to `onError`.
 */
export class RotatingFile {
  readonly #path: string;
  readonly #limitBytes: number;
  readonly #onError: (error: unknown) => void;
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  #file: FileHandle | null = null;
  #size = 0;
  #writing: Promise<void> | null = null;
  #failed = false;

  constructor(
    path: string,
    options: { readonly limitBytes?: number; readonly onError?: (error: unknown) => void } = {},
  ) {
    this.#path = path;
    this.#limitBytes = options.limitBytes ?? LOG_LIMIT_BYTES;
    this.#onError = options.onError ?? (() => {});
  }

  /** Bytes that wait to be written. */
  get backlogBytes(): number {
    return this.#queuedBytes;
  }

  /** Queues one piece; a piece is never divided between two files. */
  append(piece: string | Buffer): void {
    if (this.#failed) return;
    const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    this.#writing ??= this.#drain();
  }

  /** Waits until everything appended so far is written. */
  async flush(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
  }

  async close(): Promise<void> {
    await this.flush();
    await this.#file?.close();
    this.#file = null;
  }

  async #drain(): Promise<void> {
    try {
      for (let batch = this.#takeBatch(); batch !== null; batch = this.#takeBatch()) {
        const file = await this.#fileFor(batch.length);
        await file.appendFile(batch);
        this.#size += batch.length;
        this.#queuedBytes -= batch.length;
      }
    } catch (error) {
      this.#failed = true;
      this.#queue = [];
      this.#queuedBytes = 0;
      this.#onError(error);
    } finally {
      this.#writing = null;
    }
  }

  /** Joins queued pieces as long as they fit the live file; always at least one. */
  #takeBatch(): Buffer | null {
    let bytes = 0;
    let count = 0;
    for (const piece of this.#queue) {
      const fits =
        bytes + piece.length <= BATCH_BYTES && this.#size + bytes + piece.length <= this.#limitBytes;
      if (count > 0 && !fits) break;
      bytes += piece.length;
      count += 1;
    }
    return count === 0 ? null : Buffer.concat(this.#queue.splice(0, count));
  }

  async #fileFor(bytes: number): Promise<FileHandle> {
    if (this.#file === null) await this.#open();
    if (this.#size + bytes > this.#limitBytes) await this.#rotate();
    return this.#file as FileHandle;
  }

  async #open(): Promise<void> {
    this.#file = await open(this.#path, 'a', 0o600);
    this.#size = (await this.#file.stat()).size;
  }

  async #rotate(): Promise<void> {
    await this.#file?.close();
    this.#file = null;
    for (let number = LAST_ROTATED - 1; number >= 1; number--) {
      await renameIfThere(`${this.#path}.${number}`, `${this.#path}.${number + 1}`);
    }
    await renameIfThere(this.#path, `${this.#path}.1`);
    await this.#open();
  }
}

async function renameIfThere(from: string, to: string): Promise<void> {
  await rename(from, to).catch((error: unknown) => {
    if (errnoOf(error) !== 'ENOENT') throw error;
  });
}
