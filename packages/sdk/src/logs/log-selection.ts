import { encodeLogCursor, type LogPosition } from './log-cursor.ts';
import { LogEntry } from './log-entry.ts';
import type { LogReadOptions } from './log-options.ts';
import type { ReadLogPiece } from './log-reading.ts';
import type { PlacedLogLine } from './parse-exec-log.ts';

/** An entry with the file that it stands in. */
interface FoundLine {
  readonly line: PlacedLogLine;
  readonly fileIndex: number;
  readonly generation: bigint;
}

/** What is added, in entries and in bytes, before it is worth sorting out what is not wanted. */
const PRUNE_ENTRIES = 4096;
const PRUNE_BYTES = 8 << 20;

/**
 * The entries of several files that are wanted, by time. Of a long log of which only the last entries are wanted, it
 * keeps little more than those.
 */
export class LogSelection {
  readonly #since: number;
  readonly #until: number;
  readonly #tail: number;
  /** Places behind all entries that come before those kept. */
  readonly #positions: LogPosition[];
  #found: FoundLine[] = [];
  #addedEntries = 0;
  #addedBytes = 0;

  constructor(start: readonly LogPosition[], { since, until, tail }: LogReadOptions) {
    this.#positions = [...start];
    this.#since = since?.getTime() ?? Number.NEGATIVE_INFINITY;
    this.#until = until?.getTime() ?? Number.POSITIVE_INFINITY;
    this.#tail = tail === undefined ? Number.POSITIVE_INFINITY : Math.max(0, Math.trunc(tail));
  }

  add({ entries, fileIndex, generation }: ReadLogPiece): void {
    for (const line of entries) {
      const { timeMs } = line;
      if (timeMs >= this.#until) continue;
      const found = { line, fileIndex, generation };
      if (timeMs < this.#since) this.#pass(found);
      else this.#keep(found);
    }
    const muchCame = this.#addedEntries > PRUNE_ENTRIES || this.#addedBytes > PRUNE_BYTES;
    if (muchCame && this.#found.length > this.#tail) this.#prune();
  }

  /** What was found, each with a cursor behind it and all before it. */
  entries(): LogEntry[] {
    this.#prune();
    return this.#found.map((found) => {
      this.#pass(found);
      const { timeMs, source, sessionId, data, end } = found.line;
      return new LogEntry(timeMs, source, sessionId, data, encodeLogCursor(this.#positions), end);
    });
  }

  #keep(found: FoundLine): void {
    this.#found.push(found);
    this.#addedEntries += 1;
    this.#addedBytes += found.line.data.length;
  }

  #prune(): void {
    this.#addedEntries = 0;
    this.#addedBytes = 0;
    // Sorting is stable: entries of the same time stay in the order of their files.
    this.#found.sort((a, b) => a.line.timeMs - b.line.timeMs);
    const surplus = Math.max(0, this.#found.length - this.#tail);
    for (const found of this.#found.splice(0, surplus)) this.#pass(found);
  }

  #pass({ line, fileIndex, generation }: FoundLine): void {
    this.#positions[fileIndex] = { generation, offset: BigInt(line.end) };
  }
}
