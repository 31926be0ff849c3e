import { CustomError, MicrosandboxError } from '@microsandbox/types';
import { type LogEntry, readSandboxLogs, streamSandboxLogs } from 'microsandbox';
import type { LogsOptions } from '../commands/logs.ts';
import { paintOut } from '../output/colour.ts';
import { type LogStyle, logJson, logText } from '../output/log-entry.ts';
import { isTerminal, STDOUT } from '../output/terminal.ts';
import { writeErr, writeOut } from '../output/write.ts';
import { type LogSourceName, parseLogSources } from '../values/log-sources.ts';
import { parseLogTime } from '../values/log-time.ts';

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

interface LogRange {
  readonly sources?: LogSourceName[];
  readonly until?: Date;
}

async function follow(
  name: string,
  fromCursor: string,
  range: LogRange,
  print: (entry: LogEntry) => void,
): Promise<void> {
  try {
    for await (const entry of await streamSandboxLogs(name, { ...range, fromCursor, follow: true })) {
      print(entry);
    }
  } catch (error) {
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
