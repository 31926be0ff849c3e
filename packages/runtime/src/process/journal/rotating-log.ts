import { type FileHandle, open, rename } from 'node:fs/promises';
import { errnoOf } from '@microsandbox/utils';
import type { PieceBatch } from './piece-batch.ts';
import type { Pieces } from './pieces.ts';

/** Size from which a log is rotated (spec: state 18). */
export const LOG_LIMIT_BYTES = 10 * 1024 * 1024;

/** Highest number of a rotated file; `.1` is the newest. */
const LAST_ROTATED = 4;

/** Pause after a failure, such as a full disk, before writing is tried again. */
const RETRY_MS = 1000;

/** How long more may come before it is written, once something was written just now. */
const GATHER_MS = 5;

/** How a log is kept. */
export interface RotatingLogOptions {
  /** Size of the file before it is set aside. */
  readonly limitBytes?: number;
  readonly retryMs?: number;
  readonly onError?: (error: unknown) => void;
}

/** Makes a batch; the first of a queue is small, for mostly nothing follows. */
type NewBatch<Piece> = (options: { readonly isFirst: boolean }) => PieceBatch<Piece>;

/**
 * An append-only file that is set aside when it grows too large: live to `.1`, `.1` to `.2`, up to `.4`.
 *
 * Writes are queued and never fail the caller: a log that cannot be written must not stop a sandbox. A failure is
 * told to `onError`, once until something is written again; what comes meanwhile is lost, and no piece of it stays
 * half written.
 */
export class RotatingLog<Piece> {
  readonly #path: string;
  readonly #newBatch: NewBatch<Piece>;
  readonly #limitBytes: number;
  readonly #retryMs: number;
  readonly #onError: (error: unknown) => void;
  #queue: PieceBatch<Piece>[] = [];
  #queuedBytes = 0;
  #file: FileHandle | null = null;
  #size = 0;
  #writing: Promise<void> | null = null;
  /** Ends the time in which more may come. */
  #hurry: (() => void) | null = null;
  #flushes = 0;
  #failed = false;
  #resumeAt = 0;

  constructor(path: string, newBatch: NewBatch<Piece>, options: RotatingLogOptions = {}) {
    this.#path = path;
    this.#newBatch = newBatch;
    this.#limitBytes = options.limitBytes ?? LOG_LIMIT_BYTES;
    this.#retryMs = options.retryMs ?? RETRY_MS;
    this.#onError = options.onError ?? (() => {});
  }

  /** Bytes that wait to be written. */
  get backlogBytes(): number {
    return this.#queuedBytes;
  }

  /** Queues one piece; a piece is never divided between two files. */
  append(piece: Piece): void {
    if (this.#failed && performance.now() < this.#resumeAt) return;
    const last = this.#queue.at(-1);
    if (last === undefined || !this.#add(last, piece)) {
      const batch = this.#newBatch({ isFirst: last === undefined });
      this.#add(batch, piece);
      this.#queue.push(batch);
      if (this.#queue.length > 1) this.#hurry?.();
    }
    this.#writing ??= this.#drain();
  }

  /** Waits until everything appended so far is written. */
  async flush(): Promise<void> {
    this.#flushes += 1;
    this.#hurry?.();
    while (this.#writing !== null) await this.#writing;
    this.#flushes -= 1;
  }

  async close(): Promise<void> {
    await this.flush();
    await this.#file?.close();
    this.#file = null;
  }

  #add(batch: PieceBatch<Piece>, piece: Piece): boolean {
    const before = batch.bytes;
    const isAdded = batch.add(piece);
    this.#queuedBytes += batch.bytes - before;
    return isAdded;
  }

  async #drain(): Promise<void> {
    try {
      let written: Promise<void> | null = null;
      for (let batch = this.#queue.shift(); batch !== undefined; batch = this.#queue.shift()) {
        const pieces = batch.seal(); // while the one before is written
        await written;
        written = this.#writeAll(batch.bytes, pieces);
        if (this.#queue.length === 0) await Promise.all([written, this.#gather()]);
      }
    } catch (error) {
      await this.#giveUp(error);
    } finally {
      this.#writing = null;
    }
  }

  /** Lets more come: a program that prints much would else cause a write for each of its frames. */
  async #gather(): Promise<void> {
    if (this.#flushes > 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, GATHER_MS);
      this.#hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#hurry = null;
  }

  async #writeAll(queuedBytes: number, pieces: Pieces): Promise<void> {
    while (!pieces.isEmpty) await this.#write(pieces);
    this.#queuedBytes -= queuedBytes;
  }

  /** Writes as many pieces as fit the live file, which is set aside first when none does. */
  async #write(pieces: Pieces): Promise<void> {
    const file = this.#file ?? (await this.#open());
    let bytes = pieces.take(this.#limitBytes - this.#size);
    if (bytes.length === 0) {
      if (this.#size > 0) return await this.#rotate();
      bytes = pieces.takeOne();
    }
    await file.appendFile(bytes);
    this.#size += bytes.length;
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
