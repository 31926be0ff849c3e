import { inspect } from 'node:util';
import type { LogSource } from './log-options.ts';

/** Writes the cursor of a place in a file that is read. */
type CursorAt = (offset: number) => string;

/**
 * One piece of output, as it was written, or one line of the sandbox's own log.
 *
 * A log has many entries, so time and cursor are made when they are asked for.
 */
export class LogEntry {
  readonly source: LogSource;
  /** Number of the program run; null for the sandbox's own lines. */
  readonly sessionId: number | null;
  /** A view of what was read together; what is kept for long is better copied (`slice()`). */
  readonly data: Uint8Array;
  #timestamp: Date | number;
  #cursor: string | CursorAt;
  readonly #end: number;

  constructor(timestamp: Date, source: LogSource, sessionId: number | null, data: Uint8Array, cursor: string);
  /** @internal */
  constructor(
    timeMs: number,
    source: LogSource,
    sessionId: number | null,
    data: Uint8Array,
    cursor: string | CursorAt,
    end: number,
  );
  constructor(
    timestamp: Date | number,
    source: LogSource,
    sessionId: number | null,
    data: Uint8Array,
    cursor: string | CursorAt,
    end = 0,
  ) {
    this.source = source;
    this.sessionId = sessionId;
    this.data = data;
    this.#timestamp = timestamp;
    this.#cursor = cursor;
    this.#end = end;
  }

  get timestamp(): Date {
    if (typeof this.#timestamp === 'number') this.#timestamp = new Date(this.#timestamp);
    return this.#timestamp;
  }

  /** A stream can go on after this entry. */
  get cursor(): string {
    if (typeof this.#cursor === 'function') this.#cursor = this.#cursor(this.#end);
    return this.#cursor;
  }

  /** The data as text; bytes that are no UTF-8 become U+FFFD. */
  text(): string {
    return new TextDecoder().decode(this.data);
  }

  toJSON(): Pick<LogEntry, 'timestamp' | 'source' | 'sessionId' | 'data' | 'cursor'> {
    const { timestamp, source, sessionId, data, cursor } = this;
    return { timestamp, source, sessionId, data, cursor };
  }

  [inspect.custom](): unknown {
    return this.toJSON();
  }
}
