import type { SandboxPlace } from '../lifecycle/sandbox-place.ts';
import { FolderWatch } from './folder-watch.ts';
import { decodeLogCursor, type LogPosition, logCursorsIn } from './log-cursor.ts';
import { LogEntry } from './log-entry.ts';
import { type LogStreamOptions, logSources } from './log-options.ts';
import { LogReading } from './log-reading.ts';

/**
 * Log entries one by one, in the order of each file; little is read ahead of the reader. With `follow` it goes on with
 * what is written later.
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
  recv(): Promise<LogEntry | null> {
    const entry = this.#take();
    return entry === null ? this.#receive() : Promise.resolve(entry);
  }

  /** Entries from here on; leaving the loop leaves the stream where it is. */
  [Symbol.asyncIterator](): AsyncIterator<LogEntry, void, void> {
    const next = async (): Promise<IteratorResult<LogEntry, void>> => {
      const value = await this.#receive();
      return value === null ? { done: true, value: undefined } : { done: false, value };
    };
    return {
      next: () => {
        const value = this.#take();
        return value === null ? next() : Promise.resolve({ done: false, value });
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  /** The next of the entries that were read together; null when none is left. */
  #take(): LogEntry | null {
    const entry = this.#piece[this.#taken];
    if (entry === undefined || this.#done) return null;
    this.#taken += 1;
    return entry;
  }

  /** Takes an entry that must be read first. */
  async #receive(): Promise<LogEntry | null> {
    while (!this.#done) {
      const entry = this.#take();
      if (entry !== null) return entry;
      this.#refilling ??= this.#refill();
      await this.#refilling;
    }
    return null;
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
    const sinceMs = since?.getTime() ?? Number.NEGATIVE_INFINITY;
    const untilMs = until?.getTime() ?? Number.POSITIVE_INFINITY;
    for (;;) {
      for await (const { entries, positions, fileIndex, generation } of this.#reading.drain()) {
        const cursorAt = logCursorsIn(positions, fileIndex, generation);
        const wanted: LogEntry[] = [];
        for (const { timeMs, source, sessionId, data, end } of entries) {
          if (timeMs >= untilMs) {
            yield wanted;
            return;
          }
          if (timeMs >= sinceMs) wanted.push(new LogEntry(timeMs, source, sessionId, data, cursorAt, end));
        }
        yield wanted;
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
