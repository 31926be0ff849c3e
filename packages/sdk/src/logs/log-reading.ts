import { lstat } from 'node:fs/promises';
import { validateSandboxName } from '@microsandbox/utils';
import { sandboxNotFound } from '../lifecycle/find-sandbox.ts';
import type { SandboxPlace } from '../lifecycle/sandbox-place.ts';
import { LOG_START, type LogPosition } from './log-cursor.ts';
import { LogFile, type LogFileKind, type LogPiece } from './log-file.ts';
import type { LogSource } from './log-options.ts';

/** Rotated predecessors of `exec.log` that are read. */
export const EXEC_ROTATIONS = 4;

/** Entries of one file, and the places in all files before they were read. */
export interface ReadLogPiece extends LogPiece {
  readonly fileIndex: number;
  readonly positions: readonly LogPosition[];
}

/** One pass over the logs of a sandbox, from given places to their ends, in the order of the files. */
export class LogReading {
  readonly #files: readonly LogFile[];
  readonly #sources: readonly LogSource[];
  readonly #positions: LogPosition[];

  private constructor(
    files: readonly LogFile[],
    sources: readonly LogSource[],
    start: readonly LogPosition[],
  ) {
    this.#files = files;
    this.#sources = sources;
    this.#positions = files.map((_, index) => start[index] ?? LOG_START);
  }

  /**
   * Opens the logs that hold any of the sources.
   *
   * @throws SandboxNotFoundError when the sandbox has no logs folder
   * @throws MicrosandboxError `invalidCursor`
   */
  static async open(
    place: Pick<SandboxPlace, 'name' | 'paths'>,
    sources: readonly LogSource[],
    start: readonly LogPosition[] = [],
  ): Promise<LogReading> {
    await assertLogsFolder(place);
    const files: LogFile[] = [];
    try {
      for (const [index, kind] of kindsOf(place, sources).entries()) {
        files.push(await LogFile.open(kind, start[index] ?? LOG_START));
      }
    } catch (error) {
      for (const file of files) await file.close();
      throw error;
    }
    return new LogReading(files, sources, start);
  }

  /** Places in all files, behind everything that was read. */
  get positions(): readonly LogPosition[] {
    return [...this.#positions];
  }

  /** Everything there is now, piece by piece; can be called again for what came since. */
  async *drain(): AsyncGenerator<ReadLogPiece, void, void> {
    for (let progressed = true; progressed; ) {
      progressed = false;
      for (const [fileIndex, file] of this.#files.entries()) {
        const piece = await file.step();
        if (piece === null) continue;
        progressed = true;
        const { positions } = this;
        this.#positions[fileIndex] = { generation: piece.generation, offset: BigInt(piece.end) };
        const entries = piece.entries.filter(({ source }) => this.#sources.includes(source));
        yield { ...piece, entries, fileIndex, positions };
      }
    }
  }

  async close(): Promise<void> {
    for (const file of this.#files) await file.close();
  }
}

/**
 * Refuses a sandbox without logs, and a name that is none.
 *
 * @throws SandboxNotFoundError
 */
export async function assertLogsFolder({ name, paths }: Pick<SandboxPlace, 'name' | 'paths'>): Promise<void> {
  validateSandboxName(name);
  const folder = await lstat(paths.logsDir).catch(() => null);
  if (folder === null || !folder.isDirectory()) throw sandboxNotFound(name);
}

/** Files in their fixed order; the text files hold nothing but `system`. */
function kindsOf({ paths }: Pick<SandboxPlace, 'paths'>, sources: readonly LogSource[]): LogFileKind[] {
  const exec: LogFileKind = { path: paths.execLog, format: 'exec', rotations: EXEC_ROTATIONS };
  if (!sources.includes('system')) return [exec];
  return [
    exec,
    { path: paths.runtimeLog, format: 'text', rotations: 0 },
    { path: paths.kernelLog, format: 'text', rotations: 0 },
  ];
}
