import type { RotatingFile } from './rotating-file.ts';

/** Where output comes from; `output` is a terminal's merged output. */
type ExecLogSource = 'stdout' | 'stderr' | 'output';

/**
 * `logs/exec.log`: what every command of a sandbox printed, one JSON object a line (spec: state 18).
 *
 * The order of the keys is part of the format. A line holds what one frame held; bytes that are no UTF-8 appear as
 * U+FFFD.
 */
export class ExecLog {
  readonly #file: RotatingFile;
  /** Lines written within one millisecond bear the same time. */
  #time = { ms: 0, text: '' };

  constructor(file: RotatingFile) {
    this.#file = file;
  }

  get backlogBytes(): number {
    return this.#file.backlogBytes;
  }

  /** Output of one command; `session` is its number within this run. */
  output(source: ExecLogSource, session: number, data: Buffer): void {
    const text = JSON.stringify(data.toString('utf8'));
    this.#file.append(`{"t":"${this.#now()}","s":"${source}","d":${text},"id":${session}}\n`);
  }

  /** A mark of our own, such as `--- sandbox started ---`. */
  system(text: string): void {
    this.#file.append(`{"t":"${this.#now()}","s":"system","d":${JSON.stringify(`${text}\n`)}}\n`);
  }

  flush(): Promise<void> {
    return this.#file.flush();
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  #now(): string {
    const ms = Date.now();
    if (ms !== this.#time.ms) this.#time = { ms, text: new Date(ms).toISOString() };
    return this.#time.text;
  }
}
