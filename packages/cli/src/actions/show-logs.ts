import { CustomError, MicrosandboxError, SandboxNotFoundError } from '@microsandbox/types';
import { type LogEntry, readSandboxLogs, streamSandboxLogs } from 'microsandbox';
import type { LogsOptions } from '../commands/logs.ts';
import { bootErrorNotice } from '../errors/boot-error.ts';
import { printError } from '../errors/notice.ts';
import { paintOut } from '../output/colour.ts';
import { type LogStyle, logJson, logText } from '../output/log-entry.ts';
import { isTerminal, STDOUT } from '../output/terminal.ts';
import { writeErr, writeOut } from '../output/write.ts';
import { type LogSourceName, parseLogSources } from '../values/log-sources.ts';
import { parseLogTime } from '../values/log-time.ts';
import { storedBootError } from './stored-boot-error.ts';
import { untilEnded } from './until-ended.ts';
import { whenStopped } from './when-stopped.ts';

/** `msb logs` (spec: cli 6.17): what is there, then, with `--follow`, what comes until the sandbox stops. */
export async function showLogs(name: string, options: LogsOptions): Promise<number> {
  const sources = parseLogSources(options.source);
  const since = options.since === undefined ? undefined : parseLogTime(options.since);
  const until = options.until === undefined ? undefined : parseLogTime(options.until);
  const pattern = options.grep === undefined ? null : regexOf(options.grep);
  const print = printer(options);
  const matching = (entry: LogEntry): void => {
    if (pattern === null || pattern.test(entry.text())) print(entry);
  };
  await printBootError(name, options);
  const range = { ...(sources.length > 0 && { sources }), ...(until && { until }) };
  const { entries, cursor } = await readSandboxLogs(name, {
    ...range,
    ...(since && { since }),
    ...(options.tail !== undefined && { tail: options.tail }),
  });
  entries.forEach(matching);
  if (options.follow) await follow(name, cursor, range, matching);
  return 0;
}

/** A boot that failed comes first: it is why there may be nothing else. */
async function printBootError(name: string, options: LogsOptions): Promise<void> {
  const stored = await storedBootError(name);
  if (stored === null) return;
  if (options.json) {
    writeOut(`${JSON.stringify({ d: stored.text, s: 'boot-error', t: stored.record.t })}\n`);
    return;
  }
  const { title, bullets } = bootErrorNotice(name, stored.record);
  printError(title, bullets);
  writeErr('\n');
}

interface LogRange {
  readonly sources?: LogSourceName[];
  readonly until?: Date;
}

/** Prints what is written from `cursor` on, until the sandbox stops. */
async function follow(
  name: string,
  cursor: string,
  range: LogRange,
  print: (entry: LogEntry) => void,
): Promise<void> {
  let fromCursor = cursor;
  try {
    const stream = await streamSandboxLogs(name, { ...range, fromCursor, follow: true });
    for await (const entry of untilEnded(() => stream.recv(), whenStopped(name))) {
      print(entry);
      fromCursor = entry.cursor;
    }
    // What was written last may not have been seen; a sandbox that removed itself has nothing more to show.
    for await (const entry of await streamSandboxLogs(name, { ...range, fromCursor })) print(entry);
  } catch (error) {
    if (error instanceof SandboxNotFoundError) return;
    if (!(error instanceof MicrosandboxError) || error.code !== 'missedRotation') throw error;
    writeErr(`log follower fell behind: ${error.message}. restart \`msb logs -f\` to resume.\n`);
  }
}

function printer(options: LogsOptions): (entry: LogEntry) => void {
  if (options.json) return (entry) => writeOut(logJson(entry));
  const style: LogStyle = {
    timestamps: options.timestamps === true,
    showId: options.showId === true,
    colorSessions: options.colorSessions === true,
    keepAnsi: keepsAnsi(options),
  };
  return (entry) => writeOut(logText(entry, style, paintOut));
}

/** `NO_COLOR` wins over everything; else the option; else a terminal keeps colours. */
function keepsAnsi({ color, noColor }: LogsOptions): boolean {
  if (process.env['NO_COLOR'] !== undefined || noColor || color === 'never') return false;
  return color === 'always' || isTerminal(STDOUT);
}

function regexOf(text: string): RegExp {
  try {
    return new RegExp(text, 'u');
  } catch (error) {
    throw new CustomError('invalid --grep regex', { cause: error });
  }
}
