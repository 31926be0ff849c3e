import { MicrosandboxError } from '@microsandbox/types';
import type { SandboxPlace } from '../lifecycle/sandbox-place.ts';
import { findTailStart } from './find-tail-start.ts';
import { encodeLogCursor } from './log-cursor.ts';
import type { LogEntry } from './log-entry.ts';
import { type LogReadOptions, type LogSource, logSources } from './log-options.ts';
import { assertLogsFolder, EXEC_ROTATIONS, LogReading } from './log-reading.ts';
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
  const sources = logSources(options.sources);
  const reading = await openReading(place, sources, options);
  try {
    const selection = new LogSelection(reading.positions, options);
    for await (const piece of reading.drain()) selection.add(piece);
    return { entries: selection.entries(), cursor: encodeLogCursor(reading.positions) };
  } finally {
    await reading.close();
  }
}

/**
 * Opens the logs at their start or, where only the last entries are wanted, near enough to their end. The log is
 * written in the order of time; where the clock was set back, its last entries are those that were written last.
 */
async function openReading(
  place: Pick<SandboxPlace, 'name' | 'paths'>,
  sources: readonly LogSource[],
  { tail, since, until }: LogReadOptions,
): Promise<LogReading> {
  if (tail === undefined) return await LogReading.open(place, sources);
  await assertLogsFolder(place);
  const sinceMs = since?.getTime() ?? Number.NEGATIVE_INFINITY;
  const untilMs = until?.getTime() ?? Number.POSITIVE_INFINITY;
  const start = await findTailStart(place.paths.execLog, EXEC_ROTATIONS, tail, ({ timeMs, source }) => {
    if (!sources.includes(source) || timeMs >= untilMs) return 'skip';
    return timeMs < sinceMs ? 'stop' : 'count';
  });
  return await LogReading.open(place, sources, [start]).catch((error: unknown) => {
    // The file was rotated away since.
    if (error instanceof MicrosandboxError && error.code === 'invalidCursor') {
      return LogReading.open(place, sources);
    }
    throw error;
  });
}
