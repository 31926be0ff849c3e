import type { LogSource } from './log-options.ts';

/** An entry before it has a cursor. */
export interface ParsedLogLine {
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  readonly source: LogSource;
  readonly sessionId: number | null;
  readonly data: Uint8Array;
}

const SOURCES: readonly string[] = ['stdout', 'stderr', 'output', 'system'] satisfies LogSource[];

export function isLogSource(text: string): text is LogSource {
  return SOURCES.includes(text);
}

/** Reads one line of `exec.log` (spec: state 18). Null for anything that is none. */
export function parseExecLogLine(line: string): ParsedLogLine | null {
  if (line === '') return null;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { t, s, d = '', id = null, e } = value as Record<string, unknown>;
  const timeMs = typeof t === 'string' ? parseRfc3339(t) : null;
  if (timeMs === null || typeof s !== 'string' || !isLogSource(s) || typeof d !== 'string') return null;
  return {
    timeMs,
    source: s,
    sessionId: s !== 'system' && typeof id === 'number' ? id : null,
    data: e === 'b64' ? decodeBody(d) : Buffer.from(d),
  };
}

/** Reads one line of `runtime.log` or `kernel.log`; `fallbackMs` is the time of a line that says none. */
export function parseTextLogLine(line: string, fallbackMs: number): ParsedLogLine | null {
  if (line === '') return null;
  const text = stripAnsi(line);
  const [, token = '', rest = ''] = /^(\S*)\s*(.*)$/s.exec(text) ?? [];
  const isTime = token.length >= 20 && token.endsWith('Z');
  return {
    timeMs: (isTime ? parseRfc3339(token) : null) ?? fallbackMs,
    source: 'system',
    sessionId: null,
    data: Buffer.from(`${isTime ? rest : text}\n`),
  };
}

/** CSI sequences, OSC sequences up to BEL or ESC \\, and any other escape with the character after it. */
const ANSI_ESCAPES = new RegExp(
  ['\\[[^\\x40-\\x7e]*[\\x40-\\x7e]?', '\\][^\\x07\\x1b]*(?:\\x07|\\x1b\\\\)?', '.', '']
    .map((body) => `\\x1b${body}`)
    .join('|'),
  'gs',
);

/** Without terminal escapes. */
export function stripAnsi(text: string): string {
  return text.includes('\u001b') ? text.replace(ANSI_ESCAPES, '') : text;
}

const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

function parseRfc3339(text: string): number | null {
  const timeMs = RFC_3339.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(timeMs) ? null : timeMs;
}

/** A body that is not base64 is kept as it stands. */
function decodeBody(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : Buffer.from(text);
}
