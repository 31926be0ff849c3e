import { stat } from 'node:fs/promises';
import { MicrosandboxError } from '@microsandbox/types';
import { type LineChunk, readLines } from './line-reader.ts';
import { LOG_START, type LogPosition } from './log-cursor.ts';
import { generationOf, type OpenLogFile, openLogChain } from './open-log-chain.ts';
import { type PlacedLogLine, parseExecLog } from './parse-exec-log.ts';
import { parseTextLogLine } from './parse-log-line.ts';

/** How a log file is written. */
export interface LogFileKind {
  readonly path: string;
  readonly format: 'exec' | 'text';
  /** How many rotated predecessors are read. */
  readonly rotations: number;
}

/** A piece of one file. */
export interface LogPiece {
  /** Inode of the file. */
  readonly generation: bigint;
  readonly entries: readonly PlacedLogLine[];
  /** Offset behind everything that was read, entries or not. */
  readonly end: number;
}

/**
 * Reads one log from a place on, through its rotations, also while it is written and rotated. The file being
 * read is kept open, so a rotation takes nothing away.
 */
export class LogFile {
  readonly #kind: LogFileKind;
  #current: OpenLogFile | null = null;
  /** Newer files, to be read after the current one; the last is the live one. */
  #next: OpenLogFile[] = [];
  #offset = 0;
  /** What is read while the piece before it is looked at. */
  #ahead: { readonly file: OpenLogFile; readonly offset: number; readonly chunk: Promise<LineChunk> } | null =
    null;

  private constructor(kind: LogFileKind) {
    this.#kind = kind;
  }

  /**
   * Opens a log at a place; the start means the oldest rotated file.
   *
   * @throws MicrosandboxError `invalidCursor` when the place's file was rotated away
   */
  static async open(kind: LogFileKind, start: LogPosition): Promise<LogFile> {
    const log = new LogFile(kind);
    const chain = await openLogChain(kind.path, kind.rotations);
    const fromStart = start.generation === LOG_START.generation && start.offset === LOG_START.offset;
    if (kind.format === 'text' || fromStart) {
      log.#enqueue(chain);
      if (kind.format === 'text') log.#offset = Number(start.offset);
      return log;
    }
    const index = chain.findIndex((entry) => entry?.generation === start.generation);
    if (index < 0) {
      for (const entry of chain) await entry?.file.close();
      throw new MicrosandboxError(
        'invalidCursor',
        `invalid cursor: exec.log generation ${start.generation} is not in the current rotation chain`,
      );
    }
    for (const older of chain.slice(index + 1)) await older?.file.close();
    log.#enqueue(chain.slice(0, index + 1));
    log.#offset = Number(start.offset);
    return log;
  }

  /**
   * Reads a piece; null when there is nothing more for now.
   *
   * @throws MicrosandboxError `missedRotation` when the log was rotated away under a slow reader
   */
  async step(): Promise<LogPiece | null> {
    if (this.#current === null) await this.#openLive();
    for (;;) {
      const current = this.#current;
      if (current === null) return null;
      const { bytes, end } = await this.#read(current);
      if (end > this.#offset) {
        const entries = await this.#parse(bytes);
        this.#offset = end;
        return { generation: current.generation, entries, end };
      }
      if (!(await this.#advance(current))) return null;
    }
  }

  /** Reads at the offset, where that was not done ahead, and ahead when there is something. */
  async #read(current: OpenLogFile): Promise<LineChunk> {
    const ahead = this.#ahead;
    this.#ahead = null;
    let chunk = ahead?.file === current && ahead.offset === this.#offset ? await ahead.chunk : null;
    // What was read ahead up to the end may be more by now.
    if (chunk === null || chunk.end === this.#offset) chunk = await readLines(current.file, this.#offset);
    if (chunk.end > this.#offset) {
      this.#ahead = { file: current, offset: chunk.end, chunk: readLines(current.file, chunk.end) };
      this.#ahead.chunk.catch(() => {});
    }
    return chunk;
  }

  async close(): Promise<void> {
    const open = [this.#current, ...this.#next];
    this.#current = null;
    this.#next = [];
    for (const entry of open) await entry?.file.close();
  }

  /** Takes the files of a chain, newest first, as those to read, oldest first. */
  #enqueue(chain: readonly (OpenLogFile | null)[]): void {
    const [first = null, ...rest] = chain.filter((entry) => entry !== null).reverse();
    this.#current = first;
    this.#next = rest;
  }

  async #openLive(): Promise<void> {
    const [live = null] = await openLogChain(this.#kind.path, 0);
    this.#current = live;
  }

  /** At the end of the current file: goes on with a newer one. False when the current one is the live one. */
  async #advance(current: OpenLogFile): Promise<boolean> {
    if (this.#next.length === 0 && !(await this.#findNewer(current))) return false;
    // The last lines may have been written between the last reading and the rotation.
    const { end } = await readLines(current.file, this.#offset);
    if (end > this.#offset) return true;
    await current.file.close();
    this.#current = this.#next.shift() ?? null;
    this.#offset = 0;
    return true;
  }

  async #findNewer(current: OpenLogFile): Promise<boolean> {
    const live = await generationOf(this.#kind.path);
    if (live === null || live === current.generation) return false;
    const chain = await openLogChain(this.#kind.path, this.#kind.rotations);
    const index = chain.findIndex((entry) => entry?.generation === current.generation);
    if (index < 0 && this.#kind.format === 'exec') {
      for (const entry of chain) await entry?.file.close();
      throw new MicrosandboxError(
        'missedRotation',
        `log stream missed rotation (dropped from offset ${this.#offset})`,
      );
    }
    const newer = index < 0 ? chain.slice(0, 1) : chain.slice(0, index);
    for (const entry of chain.slice(newer.length)) await entry?.file.close();
    this.#next = newer.filter((entry) => entry !== null).reverse();
    return this.#next.length > 0;
  }

  /** Reads whole lines that begin at the offset. */
  async #parse(bytes: Buffer): Promise<PlacedLogLine[]> {
    if (this.#kind.format === 'exec') return parseExecLog(bytes, this.#offset);
    const fallbackMs = await modifiedAtMs(this.#kind.path);
    const entries: PlacedLogLine[] = [];
    for (let start = 0, newline = 0; start < bytes.length; start = newline + 1) {
      newline = bytes.indexOf('\n', start);
      const entry = parseTextLogLine(bytes.toString('utf8', start, newline), fallbackMs);
      if (entry !== null) entries.push({ ...entry, end: this.#offset + newline + 1 });
    }
    return entries;
  }
}

function modifiedAtMs(path: string): Promise<number> {
  return stat(path).then(({ mtimeMs }) => Math.floor(mtimeMs), Date.now);
}
