import type { ReadStream } from 'node:tty';
import { addon } from '@microsandbox/native';

/** Signals whose default action ends the process before Node puts the terminal right. */
const FATAL = ['SIGHUP', 'SIGQUIT'] as const;

/** A terminal that is read. */
export type TerminalInput = ReadStream & { readonly fd: number };

/**
 * A terminal in raw mode: every key goes to the reader, and what is written is shown unchanged. It is as it was before
 * when this is disposed of, when a signal ends the process, and while the process is stopped; raw again when it goes on.
 *
 * @example
 * using raw = new RawTerminal(process.stdin, () => tellSize());
 */
export class RawTerminal implements Disposable {
  readonly #input: TerminalInput;
  readonly #wasRaw: boolean;
  readonly #onContinue: () => void;

  /** @param onContinue called after the process was stopped: the terminal may have another size by then */
  constructor(input: TerminalInput, onContinue: () => void) {
    this.#input = input;
    this.#wasRaw = input.isRaw;
    this.#onContinue = onContinue;
    for (const signal of FATAL) process.on(signal, this.#end);
    process.on('SIGTSTP', this.#stop);
    process.on('SIGCONT', this.#enter);
    this.#setRaw();
  }

  [Symbol.dispose](): void {
    for (const signal of FATAL) process.off(signal, this.#end);
    process.off('SIGTSTP', this.#stop);
    process.off('SIGCONT', this.#enter);
    this.#input.setRawMode(this.#wasRaw);
  }

  #setRaw(): void {
    this.#input.setRawMode(true);
    // Node leaves newlines to the terminal. The guest's terminal has seen to them already, unless a full-screen program
    // asked it not to: that one means them as they are.
    try {
      addon().disableOutputProcessing(this.#input.fd);
    } catch {
      // The terminal has hung up, as whoever reads it is about to hear.
    }
  }

  readonly #enter = (): void => {
    // Whoever had the terminal in between may have changed it, and Node sets only what it takes for a change.
    this.#input.setRawMode(this.#wasRaw);
    this.#setRaw();
    this.#onContinue();
  };

  readonly #end = (signal: NodeJS.Signals): void => {
    const isHandledElsewhere = process.listenerCount(signal) > 1;
    this[Symbol.dispose]();
    if (!isHandledElsewhere) process.kill(process.pid, signal);
  };

  readonly #stop = (): void => {
    this.#input.setRawMode(this.#wasRaw);
    // Without a listener the signal does what it does by itself: it stops the process, unless nobody could continue it.
    process.off('SIGTSTP', this.#stop);
    process.kill(process.pid, 'SIGTSTP');
    process.on('SIGTSTP', this.#stop);
    this.#enter();
  };
}
