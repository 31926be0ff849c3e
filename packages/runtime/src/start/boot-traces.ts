import { mkdir, open, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BootErrorRecord } from '@microsandbox/types';
import { writeBootError } from '../process/journal/boot-error-file.ts';

/** Of a process's own log, as much as is read to find its last words. */
const LOG_TAIL_BYTES = 16 * 1024;

/** What a start leaves in the log folder when it fails, seen from its starter. */
export class BootTraces {
  readonly runtimeLog: string;
  readonly #folder: string;
  readonly #kernelLog: string;
  readonly #bootErrorFile: string;
  readonly #bootRecordFile: string;
  #logStart = 0;

  constructor(logDir: string) {
    this.#folder = logDir;
    this.runtimeLog = join(logDir, 'runtime.log');
    this.#kernelLog = join(logDir, 'kernel.log');
    this.#bootErrorFile = join(logDir, 'boot-error.json');
    this.#bootRecordFile = join(logDir, 'boot.json');
  }

  /** Takes away what an earlier start left, so that nobody takes it for this one's. */
  async begin(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const [log] = await Promise.all([
      stat(this.runtimeLog).catch(() => null),
      writeFile(this.#kernelLog, '', { mode: 0o600 }),
      rm(this.#bootErrorFile, { force: true }),
      rm(this.#bootRecordFile, { force: true }),
    ]);
    this.#logStart = log?.size ?? 0;
  }

  /** What was written into `runtime.log` since {@link begin}; its last part if that is much. */
  readonly ownLog = async (): Promise<string> => {
    try {
      await using file = await open(this.runtimeLog, 'r');
      const { size } = await file.stat();
      // Smaller than at the start: it was rotated meanwhile.
      const since = size < this.#logStart ? 0 : this.#logStart;
      const length = Math.min(size - since, LOG_TAIL_BYTES);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
      return buffer.subarray(0, bytesRead).toString('utf8');
    } catch {
      return '';
    }
  };

  /** Stores the record, which the process did not when it died. A full disk must not hide the failure itself. */
  async keep(record: BootErrorRecord): Promise<void> {
    if ((await stat(this.#bootErrorFile).catch(() => null)) !== null) return;
    await writeBootError(this.#bootErrorFile, record).catch(() => {});
  }
}
