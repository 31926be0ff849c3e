import { isUtf8 } from 'node:buffer';
import { EscapedTexts } from './escaped-text.ts';
import type { LogSource } from './log-options.ts';
import { isLogSource, type ParsedLogLine, parseExecLogLine } from './parse-log-line.ts';

/** An entry with the offset of its file behind its line. */
export interface PlacedLogLine extends ParsedLogLine {
  readonly end: number;
}

/** What stands in front of the text of a line, and behind it. */
const HEAD = /^\{"t":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)","s":"([a-z]+)","d":"/;
const TAIL = /^"(?:,"id":(0|[1-9]\d{0,14}))?\}\n/;
/** Characters in which these are found. */
const MAX_FRAME_LENGTH = 64;

const NEWLINE = 0x0a;

/**
 * Reads the lines of a piece of `exec.log` (spec: state 18).
 *
 * Lines in the very form that sandboxes write are taken apart where they stand, several times as fast as by
 * `JSON.parse`; of them it is not asked whether control characters are escaped. Any other line goes through
 * {@link parseExecLogLine}.
 *
 * @param chunk whole lines; texts are unescaped in it, and the entries are views of it
 * @param offset where it begins in its file
 */
export function parseExecLog(chunk: Buffer, offset: number): PlacedLogLine[] {
  const ownForm = isUtf8(chunk) ? new OwnFormParser(chunk) : null;
  const lines: PlacedLogLine[] = [];
  for (let start = 0; start < chunk.length; ) {
    const own = ownForm?.parseLine(start) ?? null;
    if (own !== null) {
      start = own.end;
      own.end += offset;
      lines.push(own);
    } else {
      const newline = chunk.indexOf(NEWLINE, start);
      const line = parseExecLogLine(chunk.toString('utf8', start, newline));
      start = newline + 1;
      if (line !== null) lines.push({ ...line, end: offset + start });
    }
  }
  return lines;
}

/** Reads lines in the form that sandboxes write. Those that follow each other mostly differ in their texts only. */
class OwnFormParser {
  readonly #chunk: Buffer;
  readonly #texts: EscapedTexts;
  #head: { readonly bytes: Buffer; readonly timeMs: number; readonly source: LogSource } | null = null;
  #tail: { readonly bytes: Buffer; readonly sessionId: number | null } | null = null;

  constructor(chunk: Buffer) {
    this.#chunk = chunk;
    this.#texts = new EscapedTexts(chunk);
  }

  /** The line that begins there, and where it ends; null when it has another form. */
  parseLine(start: number): (ParsedLogLine & { end: number }) | null {
    const head = this.#headAt(start);
    if (head === null) return null;
    const textStart = start + head.bytes.length;
    const textEnd = this.#texts.find(textStart);
    const tail = textEnd < 0 ? null : this.#tailAt(textEnd);
    if (tail === null) return null;
    return {
      timeMs: head.timeMs,
      source: head.source,
      sessionId: head.source === 'system' ? null : tail.sessionId,
      data: this.#chunk.subarray(textStart, this.#texts.unescape(textEnd)),
      end: textEnd + tail.bytes.length,
    };
  }

  #headAt(start: number) {
    if (this.#head !== null && isAt(this.#chunk, start, this.#head.bytes)) return this.#head;
    const text = this.#chunk.toString('latin1', start, start + MAX_FRAME_LENGTH);
    const [head, time = '', source = ''] = HEAD.exec(text) ?? [];
    const timeMs = Date.parse(time);
    if (head === undefined || Number.isNaN(timeMs) || !isLogSource(source)) return null;
    this.#head = { bytes: Buffer.from(head), timeMs, source };
    return this.#head;
  }

  #tailAt(start: number) {
    if (this.#tail !== null && isAt(this.#chunk, start, this.#tail.bytes)) return this.#tail;
    const text = this.#chunk.toString('latin1', start, start + MAX_FRAME_LENGTH);
    const [tail, id] = TAIL.exec(text) ?? [];
    if (tail === undefined) return null;
    this.#tail = { bytes: Buffer.from(tail), sessionId: id === undefined ? null : Number(id) };
    return this.#tail;
  }
}

function isAt(bytes: Uint8Array, at: number, expected: Uint8Array): boolean {
  for (let index = 0; index < expected.length; index += 1) {
    if (bytes[at + index] !== expected[index]) return false;
  }
  return true;
}
