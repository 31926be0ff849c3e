import type { ReadStream } from 'node:tty';

/** Signals whose default action ends the process before Node puts the terminal right. */
const FATAL = ['SIGHUP', 'SIGQUIT'] as const;

/**
 * A terminal in raw mode: every key goes to the reader. It is as it was before when this is disposed of, when a signal
 * ends the process, and while the process is stopped; raw again when it goes on.
 *
 * @example
 * using raw = new RawTerminal(process.stdin, () => tellSize());
 */
export class RawTerminal implements Disposable {
  readonly #input: ReadStream;
  readonly #wasRaw: boolean;
  readonly #onContinue: () => void;

  /** @param onContinue called after the process was stopped: the terminal may have another size by then */
  constructor(input: ReadStream, onContinue: () => void) {
    this.#input = input;
    this.#wasRaw = input.isRaw;
    this.#onContinue = onContinue;
    for (const signal of FATAL) process.on(signal, this.#end);
    process.on('SIGTSTP', this.#stop);
    process.on('SIGCONT', this.#enter);
    input.setRawMode(true);
  }

  [Symbol.dispose](): void {
    for (const signal of FATAL) process.off(signal, this.#end);
    process.off('SIGTSTP', this.#stop);
    process.off('SIGCONT', this.#enter);
    this.#input.setRawMode(this.#wasRaw);
  }

  readonly #enter = (): void => {
    // Whoever had the terminal in between may have changed it, and Node sets only what it takes for a change.
    this.#input.setRawMode(this.#wasRaw);
    this.#input.setRawMode(true);
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
