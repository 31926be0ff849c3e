import { isUtf8 } from 'node:buffer';
import type { Paint } from './colour.ts';

/** One entry of a log, as the reader gives it. */
export interface LogEntryLike {
  readonly timestamp: Date;
  readonly source: string;
  /** Null for what no command wrote. */
  readonly sessionId: number | null;
  readonly data: Uint8Array;
}

export interface LogStyle {
  readonly timestamps: boolean;
  readonly showId: boolean;
  readonly colorSessions: boolean;
  /** Keep escape sequences of the programs. */
  readonly keepAnsi: boolean;
}

/** Colours of sessions, by number. */
const SESSION_COLOURS = [36, 35, 32, 34, 96, 95, 92, 94] as const;

/** CSI, OSC and two-byte sequences. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
const ANSI = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])/g;

/** One line of `msb logs --json`: compact, keys in order, the time with milliseconds and `Z`. */
export function logJson(entry: LogEntryLike): string {
  const utf8 = isUtf8(entry.data);
  const data = Buffer.from(entry.data);
  return `${JSON.stringify({
    d: utf8 ? data.toString('utf8') : data.toString('base64'),
    e: utf8 ? null : 'b64',
    id: entry.sessionId,
    s: entry.source,
    t: entry.timestamp.toISOString(),
  })}\n`;
}

/** An entry for people (spec: cli 6.17): its bytes as stored, with what the style puts in front of its lines. */
export function logText(entry: LogEntryLike, style: LogStyle, paint: Paint): string {
  const text = Buffer.from(entry.data).toString('utf8');
  const body = style.keepAnsi ? text : text.replace(ANSI, '');
  if (!style.timestamps && !style.showId && !style.colorSessions) return body;
  const time = entry.timestamp.toISOString();
  const id = style.showId || style.colorSessions ? sessionLabel(entry.sessionId) : '';
  return body
    .split(/(?<=\n)/)
    .map((line, index) => {
      if (line === '\n') return line;
      const stamp = style.timestamps ? `${index === 0 ? paint('dim', time) : ' '.repeat(time.length)}\t` : '';
      return `${stamp}${id}${style.colorSessions ? inSessionColour(line, entry.sessionId) : line}`;
    })
    .join('');
}

function sessionLabel(id: number | null): string {
  return `[id:${id === null ? 'sys' : String(id).padStart(3)}] `;
}

function inSessionColour(line: string, id: number | null): string {
  if (id === null) return line;
  const end = line.endsWith('\n') ? '\n' : '';
  const colour = SESSION_COLOURS[id % SESSION_COLOURS.length];
  return `\x1b[${colour}m${line.slice(0, line.length - end.length)}\x1b[0m${end}`;
}
