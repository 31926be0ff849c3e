import type { SandboxPlace } from '../lifecycle/sandbox-place.ts';
import { FolderWatch } from './folder-watch.ts';
import { decodeLogCursor, type LogPosition, logCursorsIn } from './log-cursor.ts';
import { LogEntry } from './log-entry.ts';
import { type LogStreamOptions, logSources } from './log-options.ts';
import { LogReading } from './log-reading.ts';

/**
 * Log entries one by one, in the order of each file; nothing is read ahead of the reader. With `follow` it goes
 * on with what is written later.
 */
export class LogStream implements AsyncIterable<LogEntry>, AsyncDisposable {
  readonly #pieces: AsyncGenerator<readonly LogEntry[], void, void>;
  readonly #reading: LogReading;
  readonly #watch: FolderWatch | null;
  /** Entries that were read together, and how many of them were handed out. */
  #piece: readonly LogEntry[] = [];
  #taken = 0;
  #refilling: Promise<void> | null = null;
  #done = false;

  private constructor(reading: LogReading, watch: FolderWatch | null, options: LogStreamOptions) {
    this.#reading = reading;
    this.#watch = watch;
    this.#pieces = this.#generate(options);
  }

  /**
   * @internal Use `logStream()` of a sandbox.
   * @throws SandboxNotFoundError when the sandbox has no logs folder
   * @throws MicrosandboxError `invalidCursor` when the cursor's file is gone
   */
  static async open(
    place: Pick<SandboxPlace, 'name' | 'paths'>,
    options: LogStreamOptions = {},
  ): Promise<LogStream> {
    const { sources, since, fromCursor, follow = false } = options;
    if (since !== undefined && fromCursor !== undefined) {
      throw new Error('sinceMs and fromCursor are mutually exclusive');
    }
    const start = fromCursor === undefined ? [] : positionsOf(fromCursor);
    const reading = await LogReading.open(place, logSources(sources), start);
    // Watching begins before the first reading, so that nothing falls between the two.
    return new LogStream(reading, follow ? new FolderWatch(place.paths.logsDir) : null, options);
  }

  /**
   * The next entry, or null at the end.
   *
   * @throws MicrosandboxError `missedRotation` when the log was rotated away under a slow reader
   */
  async recv(): Promise<LogEntry | null> {
    while (!this.#done) {
      const entry = this.#piece[this.#taken];
      if (entry !== undefined) {
        this.#taken += 1;
        return entry;
      }
      this.#refilling ??= this.#refill();
      await this.#refilling;
    }
    return null;
  }

  /** Entries from here on; leaving the loop leaves the stream where it is. */
  [Symbol.asyncIterator](): AsyncIterator<LogEntry, void, void> {
    return {
      next: async () => {
        const value = await this.recv();
        return value === null ? { done: true, value: undefined } : { done: false, value };
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  async #refill(): Promise<void> {
    try {
      const { done, value } = await this.#pieces.next();
      this.#piece = done ? [] : value;
      this.#taken = 0;
      if (done) await this.#close();
    } finally {
      this.#refilling = null;
    }
  }

  async *#generate({ since, until }: LogStreamOptions): AsyncGenerator<readonly LogEntry[], void, void> {
    for (;;) {
      for await (const { entries, positions, fileIndex, generation } of this.#reading.drain()) {
        const cursorAt = logCursorsIn(positions, fileIndex, generation);
        const end = until === undefined ? -1 : entries.findIndex(({ timestamp }) => timestamp >= until);
        yield (end < 0 ? entries : entries.slice(0, end))
          .filter(({ timestamp }) => since === undefined || timestamp >= since)
          .map((entry) => new LogEntry(entry, cursorAt(entry.end)));
        if (end >= 0) return;
      }
      if (this.#watch === null || this.#done) return;
      await this.#watch.next();
    }
  }

  async #close(): Promise<void> {
    this.#done = true;
    this.#watch?.close();
    await this.#reading.close();
  }
}

function positionsOf(cursor: string): LogPosition[] {
  try {
    return decodeLogCursor(cursor);
  } catch (error) {
    throw new Error(`invalid fromCursor: ${(error as Error).message}`);
  }
}
