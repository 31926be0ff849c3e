import type { SandboxPlace } from '../lifecycle/sandbox-place.ts';
import { FolderWatch } from './folder-watch.ts';
import { decodeLogCursor, encodeLogCursor, type LogPosition } from './log-cursor.ts';
import type { LogEntry } from './log-entry.ts';
import { type LogStreamOptions, logSources } from './log-options.ts';
import { LogReading } from './log-reading.ts';
import { entryOf } from './read-logs.ts';

/**
 * Log entries one by one, in the order of each file; nothing is read ahead of the reader. With `follow` it goes
 * on with what is written later.
 */
export class LogStream implements AsyncIterable<LogEntry>, AsyncDisposable {
  readonly #entries: AsyncGenerator<LogEntry, void, void>;
  readonly #reading: LogReading;
  readonly #watch: FolderWatch | null;
  #done = false;

  private constructor(reading: LogReading, watch: FolderWatch | null, options: LogStreamOptions) {
    this.#reading = reading;
    this.#watch = watch;
    this.#entries = this.#generate(options);
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
    if (this.#done) return null;
    const { done, value } = await this.#entries.next();
    if (!done) return value;
    await this.#close();
    return null;
  }

  /** Entries from here on; leaving the loop leaves the stream where it is. */
  async *[Symbol.asyncIterator](): AsyncGenerator<LogEntry, void, void> {
    for (;;) {
      const entry = await this.recv();
      if (entry === null) return;
      yield entry;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  async *#generate({ since, until }: LogStreamOptions): AsyncGenerator<LogEntry, void, void> {
    for (;;) {
      for await (const { line, positions } of this.#reading.drain()) {
        if (until !== undefined && line.timestamp >= until) return;
        if (since !== undefined && line.timestamp < since) continue;
        yield entryOf(line, encodeLogCursor(positions));
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
