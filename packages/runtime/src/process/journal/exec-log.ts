import { ExecLogBatch, type ExecLogPiece, type LineFrame } from './exec-log-batch.ts';
import { LineEncoder } from './line-encoder.ts';
import { RotatingLog, type RotatingLogOptions } from './rotating-log.ts';

/** Where output comes from; `output` is a terminal's merged output. */
type ExecLogSource = 'stdout' | 'stderr' | 'output';

/**
 * `logs/exec.log`: what every command of a sandbox printed, one JSON object a line (spec: state 18).
 *
 * The order of the keys is part of the format. A line holds what one frame held; bytes that are no UTF-8 appear as
 * U+FFFD.
 */
export class ExecLog {
  readonly #file: RotatingLog<ExecLogPiece>;
  /** Lines of one program written within one millisecond have the same frame. */
  #last = { ms: 0, source: '', session: 0, frame: { head: '', tail: '' } };

  constructor(path: string, options: RotatingLogOptions = {}) {
    const encoder = new LineEncoder();
    this.#file = new RotatingLog(path, (batch) => new ExecLogBatch(encoder, batch), options);
  }

  get backlogBytes(): number {
    return this.#file.backlogBytes;
  }

  /** Output of one command, of which a copy is kept; `session` is its number within this run. */
  output(source: ExecLogSource, session: number, data: Uint8Array): void {
    const ms = Date.now();
    const last = this.#last;
    if (ms !== last.ms || session !== last.session || source !== last.source) {
      this.#last = { ms, source, session, frame: lineFrame(ms, source, `,"id":${session}`) };
    }
    this.#file.append({ data, frame: this.#last.frame });
  }

  /** A mark of our own, such as `--- sandbox started ---`. */
  system(text: string): void {
    this.#file.append({ data: Buffer.from(`${text}\n`), frame: lineFrame(Date.now(), 'system', '') });
  }

  flush(): Promise<void> {
    return this.#file.flush();
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

function lineFrame(ms: number, source: string, rest: string): LineFrame {
  return { head: `{"t":"${new Date(ms).toISOString()}","s":"${source}","d":`, tail: `${rest}}\n` };
}
