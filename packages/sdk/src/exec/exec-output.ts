import type { ExitStatus } from '../values.ts';

/** What an {@link ExecOutput} is made of. */
export interface ExecOutputParts {
  readonly code: number;
  readonly signal: number | null;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  readonly omittedBytes: number;
}

/** What a finished program left: its exit code and what it wrote. */
export class ExecOutput {
  /** -1 when a signal ended the program. */
  readonly code: number;
  /** That signal; null otherwise, and from agents that do not tell. */
  readonly signal: number | null;
  /** Bytes beyond the limit of `ExecOptionsBuilder.maxOutput`; a marker stands in their place. */
  readonly omittedBytes: number;
  readonly #stdout: Uint8Array;
  readonly #stderr: Uint8Array;

  /** @internal */
  constructor({ code, signal, stdout, stderr, omittedBytes }: ExecOutputParts) {
    this.code = code;
    this.signal = signal;
    this.omittedBytes = omittedBytes;
    this.#stdout = stdout;
    this.#stderr = stderr;
  }

  /** Whether the code is 0. */
  get success(): boolean {
    return this.code === 0;
  }

  get status(): ExitStatus {
    return { code: this.code, success: this.success };
  }

  /** Standard output as text; bytes that are no UTF-8 become U+FFFD. */
  stdout(): string {
    return new TextDecoder().decode(this.#stdout);
  }

  /** Standard error as text; empty when the program ran on a terminal. */
  stderr(): string {
    return new TextDecoder().decode(this.#stderr);
  }

  stdoutBytes(): Uint8Array {
    return Uint8Array.from(this.#stdout);
  }

  stderrBytes(): Uint8Array {
    return Uint8Array.from(this.#stderr);
  }
}
