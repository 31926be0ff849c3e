import { type FileHandle, open, rename } from 'node:fs/promises';
import { errnoOf } from '@microsandbox/utils';
import { PieceBatch } from './piece-batch.ts';

/** Size from which a log is rotated (spec: state 18). */
export const LOG_LIMIT_BYTES = 10 * 1024 * 1024;

/** Highest number of a rotated file; `.1` is the newest. */
const LAST_ROTATED = 4;

/** Pause after a failure, such as a full disk, before writing is tried again. */
const RETRY_MS = 1000;

/**
 * An append-only file that is set aside when it grows too large: live to `.1`, `.1` to `.2`, up to `.4`.
 *
 * Writes are queued and never fail the caller: a log that cannot be written must not stop a sandbox. A failure is
 * told to `onError`, once until something is written again; what comes meanwhile is lost, and no piece of it stays
 * half written.
 */
export class RotatingFile {
  readonly #path: string;
  readonly #limitBytes: number;
  readonly #retryMs: number;
  readonly #onError: (error: unknown) => void;
  #queue: PieceBatch[] = [];
  #queuedBytes = 0;
  #file: FileHandle | null = null;
  #size = 0;
  #writing: Promise<void> | null = null;
  #failed = false;
  #resumeAt = 0;

  constructor(
    path: string,
    options: {
      readonly limitBytes?: number;
      readonly retryMs?: number;
      readonly onError?: (error: unknown) => void;
    } = {},
  ) {
    this.#path = path;
    this.#limitBytes = options.limitBytes ?? LOG_LIMIT_BYTES;
    this.#retryMs = options.retryMs ?? RETRY_MS;
    this.#onError = options.onError ?? (() => {});
  }

  /** Bytes that wait to be written. */
  get backlogBytes(): number {
    return this.#queuedBytes;
  }

  /** Queues one piece; a piece is never divided between two files. */
  append(piece: string | Buffer): void {
    if (this.#failed && performance.now() < this.#resumeAt) return;
    const bytes = Buffer.byteLength(piece);
    if (bytes === 0) return;
    if (!this.#queue.at(-1)?.add(piece, bytes)) {
      const batch = new PieceBatch(bytes, { isFirst: this.#queue.length === 0 });
      batch.add(piece, bytes);
      this.#queue.push(batch);
    }
    this.#queuedBytes += bytes;
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
      // Nothing is added to a batch that is being written.
      for (let batch = this.#queue.shift(); batch !== undefined; batch = this.#queue.shift()) {
        while (!batch.isEmpty) await this.#write(batch);
      }
    } catch (error) {
      await this.#giveUp(error);
    } finally {
      this.#writing = null;
    }
  }

  /** Writes as much of a batch as fits the live file, which is set aside first when nothing does. */
  async #write(batch: PieceBatch): Promise<void> {
    const file = this.#file ?? (await this.#open());
    let bytes = batch.take(this.#limitBytes - this.#size);
    if (bytes.length === 0) {
      if (this.#size > 0) return await this.#rotate();
      bytes = batch.takeOne();
    }
    await file.appendFile(bytes);
    this.#size += bytes.length;
    this.#queuedBytes -= bytes.length;
    this.#failed = false;
  }

  /** Drops what waits, and what was written of a piece only in part. */
  async #giveUp(error: unknown): Promise<void> {
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#resumeAt = performance.now() + this.#retryMs;
    if (!this.#failed) this.#onError(error);
    this.#failed = true;
    await this.#file?.truncate(this.#size).catch(() => {});
  }

  async #open(): Promise<FileHandle> {
    const file = await open(this.#path, 'a', 0o600);
    this.#file = file;
    this.#size = (await file.stat()).size;
    return file;
  }

  async #rotate(): Promise<void> {
    await this.#file?.close();
    this.#file = null;
    for (let number = LAST_ROTATED - 1; number >= 1; number--) {
      await renameIfThere(`${this.#path}.${number}`, `${this.#path}.${number + 1}`);
    }
    await renameIfThere(this.#path, `${this.#path}.1`);
  }
}

async function renameIfThere(from: string, to: string): Promise<void> {
  await rename(from, to).catch((error: unknown) => {
    if (errnoOf(error) !== 'ENOENT') throw error;
  });
}
