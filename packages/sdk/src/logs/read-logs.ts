import type { SandboxPlace } from '../lifecycle/sandbox-place.ts';
import { encodeLogCursor } from './log-cursor.ts';
import type { LogEntry } from './log-entry.ts';
import { type LogReadOptions, logSources } from './log-options.ts';
import { LogReading } from './log-reading.ts';
import { LogSelection } from './log-selection.ts';

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
    const selection = new LogSelection(reading.positions, options);
    for await (const piece of reading.drain()) selection.add(piece);
    return { entries: selection.entries(), cursor: encodeLogCursor(reading.positions) };
  } finally {
    await reading.close();
  }
}
