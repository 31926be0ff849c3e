import type { ExitStatus } from '../values.ts';

/** What a finished program left: its exit code and everything it wrote. */
export class ExecOutput {
  readonly code: number;
  readonly #stdout: Uint8Array;
  readonly #stderr: Uint8Array;

  constructor(code: number, stdout: Uint8Array, stderr: Uint8Array) {
    this.code = code;
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
