import { type FSWatcher, watch } from 'node:fs';

/** How often a followed folder is looked at even when the system reports nothing. */
const POLL_MS = 2000;
/** The same where the system cannot watch. */
const UNWATCHED_POLL_MS = 250;

/** Says when something in a folder may have changed. */
export class FolderWatch {
  readonly #watcher: FSWatcher | null;
  #changed = false;
  #wake: (() => void) | null = null;

  constructor(path: string) {
    this.#watcher = watchIfPossible(path, () => {
      this.#changed = true;
      this.#wake?.();
    });
  }

  /** Resolves after a change since the last call, after the polling interval, or after {@link close}. */
  async next(): Promise<void> {
    if (!this.#changed) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, this.#watcher === null ? UNWATCHED_POLL_MS : POLL_MS);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = null;
    }
    this.#changed = false;
  }

  close(): void {
    this.#watcher?.close();
    this.#changed = true;
    this.#wake?.();
  }
}

/** Null where the system has no more watches to give, or cannot watch this folder. */
function watchIfPossible(path: string, onChange: () => void): FSWatcher | null {
  try {
    const watcher = watch(path, { persistent: false }, onChange);
    watcher.on('error', () => {});
    return watcher;
  } catch {
    return null;
  }
}
