import type { LogSource } from './log-options.ts';
import type { ParsedLogLine } from './parse-log-line.ts';

/** One piece of output, as it was written, or one line of the sandbox's own log. */
export class LogEntry {
  readonly timestamp: Date;
  readonly source: LogSource;
  /** Number of the program run; null for the sandbox's own lines. */
  readonly sessionId: number | null;
  readonly data: Uint8Array;
  /** A stream can go on after this entry. */
  readonly cursor: string;

  /** @internal */
  constructor({ timestamp, source, sessionId, data }: ParsedLogLine, cursor: string) {
    this.timestamp = timestamp;
    this.source = source;
    this.sessionId = sessionId;
    this.data = data;
    this.cursor = cursor;
  }

  /** The data as text; bytes that are no UTF-8 become U+FFFD. */
  text(): string {
    return new TextDecoder().decode(this.data);
  }
}
