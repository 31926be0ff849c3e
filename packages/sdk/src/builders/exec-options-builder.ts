import { InvalidConfigError } from '@microsandbox/types';
import { type ProgramOptions, ProgramOptionsBuilder } from './program-options-builder.ts';

/** What a program reads. */
export type StdinOption =
  | { readonly kind: 'null' }
  | { readonly kind: 'pipe' }
  | { readonly kind: 'bytes'; readonly data: Uint8Array };

/** Settings of one program run. */
export interface ExecOptions extends ProgramOptions {
  /** Milliseconds; honoured by calls that wait for the end. */
  readonly timeoutMs?: number;
  readonly stdin: StdinOption;
  readonly tty: boolean;
  /** The program outlives the handle that it is started with. */
  readonly keep?: boolean;
  /** Bytes of each stream that calls which wait for the end return; the middle of more is left out. */
  readonly maxOutputBytes?: number;
}

/** Settings of one program run; given to the callbacks of `execWith` and its kin. */
export class ExecOptionsBuilder extends ProgramOptionsBuilder<ExecOptions> {
  #timeoutMs: number | undefined;
  #stdin: StdinOption = { kind: 'null' };
  #tty = false;
  #keep = false;
  #maxOutputBytes: number | undefined;

  constructor() {
    super('ExecOptionsBuilder');
  }

  /**
   * Kills the program after so many milliseconds; the call rejects with `ExecTimeoutError`. `Infinity` is none.
   *
   * @throws InvalidConfigError for what is no number
   */
  timeout(ms: number): this {
    if (Number.isNaN(ms))
      throw new InvalidConfigError('invalid config: exec timeout must be a number, got NaN');
    return this.set(() => {
      this.#timeoutMs = ms === Number.POSITIVE_INFINITY ? undefined : Math.max(0, Math.trunc(ms));
    });
  }

  /** The program reads end of file at once. The default. */
  stdinNull(): this {
    return this.set(() => {
      this.#stdin = { kind: 'null' };
    });
  }

  /** The program reads what `ExecHandle.takeStdin()` writes. */
  stdinPipe(): this {
    return this.set(() => {
      this.#stdin = { kind: 'pipe' };
    });
  }

  /** The program reads these bytes, then end of file. */
  stdinBytes(data: Uint8Array): this {
    return this.set(() => {
      this.#stdin = { kind: 'bytes', data: Uint8Array.from(data) };
    });
  }

  /** Runs on a pseudo terminal; all output is then standard output. */
  tty(on: boolean): this {
    return this.set(() => {
      this.#tty = on;
    });
  }

  /**
   * The program outlives its handle from the start, as after `ExecHandle.keep()`, which tells its session: not even its
   * first words are lost to whoever attaches later.
   */
  keep(): this {
    return this.set(() => {
      this.#keep = true;
    });
  }

  /**
   * Keeps at most so many bytes of each stream (64 MiB), the first half and the last, with a marker between them. For
   * calls that wait for the end; streams hand over everything.
   */
  maxOutput(bytes: number): this {
    return this.set(() => {
      this.#maxOutputBytes = Math.max(0, Math.trunc(bytes));
    });
  }

  override build(): ExecOptions {
    return {
      ...this.common(),
      ...(this.#timeoutMs !== undefined && { timeoutMs: this.#timeoutMs }),
      stdin: this.#stdin,
      tty: this.#tty,
      ...(this.#keep && { keep: true }),
      ...(this.#maxOutputBytes !== undefined && { maxOutputBytes: this.#maxOutputBytes }),
    };
  }
}
