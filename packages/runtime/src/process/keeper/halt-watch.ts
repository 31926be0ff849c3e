import { type FSWatcher, watch } from 'node:fs';
import { readConsoleTail } from '../journal/console-tail.ts';

/** Pause between two looks at the console: a guest may print without end. */
const PAUSE_MS = 200;

/** The last words of a Linux kernel that halts, also where it was to power off and could not. */
const LAST_WORDS = /reboot: (?:Power off not available: )?System halted(?: instead)?$/;

/**
 * Waits until the guest has halted. Machines without ACPI know no power-off: after `poweroff` or `halt` the kernel
 * stands still for ever, and no monitor notices. Its last line on the console tells.
 *
 * @example
 * using watching = new HaltWatch(places.kernelLog, () => machine.kill());
 */
export class HaltWatch implements Disposable {
  readonly #kernelLog: string;
  readonly #onHalt: () => void;
  readonly #watcher: FSWatcher;
  #timer: NodeJS.Timeout | null = null;
  #isOver = false;

  /**
   * @param kernelLog the console's log, which exists
   * @param onHalt called once
   * @throws Error of the system when the file cannot be watched
   */
  constructor(kernelLog: string, onHalt: () => void) {
    this.#kernelLog = kernelLog;
    this.#onHalt = onHalt;
    this.#watcher = watch(kernelLog, { persistent: false }, () => this.#lookSoon());
    // The log may have been taken away; then nothing is heard any more.
    this.#watcher.on('error', () => this[Symbol.dispose]());
    this.#lookSoon();
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#watcher.close();
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #lookSoon(): void {
    if (this.#isOver) return;
    this.#timer ??= setTimeout(() => void this.#look(), PAUSE_MS).unref();
  }

  async #look(): Promise<void> {
    // What is printed from here on asks for another look.
    this.#timer = null;
    const lines = await readConsoleTail(this.#kernelLog);
    if (this.#isOver || !LAST_WORDS.test(lines.at(-1) ?? '')) return;
    this[Symbol.dispose]();
    this.#onHalt();
  }
}
