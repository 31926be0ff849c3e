import type { SandboxPlace } from '../lifecycle/sandbox-place.ts';
import { encodeLogCursor } from './log-cursor.ts';
import { LogEntry } from './log-entry.ts';
import { type LogReadOptions, logSources } from './log-options.ts';
import { LogReading, type ReadLogLine } from './log-reading.ts';

/** Log entries and the place behind everything that was looked at. */
export interface LogSnapshot {
  readonly entries: LogEntry[];
  /** A stream can go on from here without a gap. */
  readonly cursor: string;
}

/**
 * Everything logged so far, by time (spec: state 19). Reads files only, so it works in every state.
 *
 * @throws SandboxNotFoundError when the sandbox has no logs folder
 */
export async function readLogs(
  place: Pick<SandboxPlace, 'name' | 'paths'>,
  options: LogReadOptions = {},
): Promise<LogEntry[]> {
  return (await readLogsSnapshot(place, options)).entries;
}

/** Like {@link readLogs}, with a cursor to follow from; it lies behind entries that were left out too. */
export async function readLogsSnapshot(
  place: Pick<SandboxPlace, 'name' | 'paths'>,
  options: LogReadOptions = {},
): Promise<LogSnapshot> {
  const reading = await LogReading.open(place, logSources(options.sources));
  try {
    const initial = reading.positions;
    const lines: ReadLogLine[] = [];
    for await (const line of reading.drain()) lines.push(line);
    const sorted = lines.sort((a, b) => a.line.timestamp.getTime() - b.line.timestamp.getTime());
    const positions = [...initial];
    const entries = sorted.map(({ line, fileIndex }) => {
      positions[fileIndex] = line.position;
      return entryOf(line, encodeLogCursor(positions));
    });
    return { entries: selected(entries, options), cursor: encodeLogCursor(reading.positions) };
  } finally {
    await reading.close();
  }
}

/** An entry for the caller. */
export function entryOf(
  { timestamp, source, sessionId, data }: ReadLogLine['line'],
  cursor: string,
): LogEntry {
  return new LogEntry(timestamp, source, sessionId, data, cursor);
}

function selected(entries: readonly LogEntry[], { since, until, tail }: LogReadOptions): LogEntry[] {
  const inTime = entries.filter(
    ({ timestamp }) =>
      (since === undefined || timestamp >= since) && (until === undefined || timestamp < until),
  );
  return tail === undefined
    ? inTime
    : inTime.slice(Math.max(0, inTime.length - Math.max(0, Math.trunc(tail))));
}
