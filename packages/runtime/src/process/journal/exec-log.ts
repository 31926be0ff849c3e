import type { RotatingFile } from './rotating-file.ts';

/** Where a line of the log comes from; `output` is a terminal's merged output. */
export type ExecLogSource = 'stdout' | 'stderr' | 'output' | 'system';

/**
 * `logs/exec.log`: what every command of a sandbox printed, one JSON object a line (spec: state 18).
 *
 * A line holds what one frame held; bytes that are no UTF-8 appear as U+FFFD.
 */
export class ExecLog {
  readonly #file: RotatingFile;

  constructor(file: RotatingFile) {
    this.#file = file;
  }

  get backlogBytes(): number {
    return this.#file.backlogBytes;
  }

  /** Output of one command; `session` is its number within this run. */
  output(source: 'stdout' | 'stderr' | 'output', session: number, data: Buffer): void {
    this.#file.append(
      line({ t: new Date().toISOString(), s: source, d: data.toString('utf8'), id: session }),
    );
  }

  /** A mark of our own, such as `--- sandbox started ---`. */
  system(text: string): void {
    this.#file.append(line({ t: new Date().toISOString(), s: 'system', d: `${text}\n` }));
  }

  flush(): Promise<void> {
    return this.#file.flush();
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** Key order is part of the format. */
function line(entry: { t: string; s: ExecLogSource; d: string; id?: number }): string {
  return `${JSON.stringify(entry)}\n`;
}
