/** A command that runs in the guest. */
export interface ExecSession {
  /** Counts from 1 within a run. */
  readonly number: number;
  readonly tty: boolean;
}

/** Most commands that are known at a time; a client opens a session with each id it likes. */
const MAX_SESSIONS = 65_536;

/** The commands under way, by correlation id. */
export class ExecSessions {
  readonly #sessions = new Map<number, ExecSession>();
  #started = 0;

  get size(): number {
    return this.#sessions.size;
  }

  /** @returns false when there are too many */
  start(id: number, tty: boolean): boolean {
    if (this.#sessions.size >= MAX_SESSIONS) return false;
    this.#started += 1;
    this.#sessions.set(id, { number: this.#started, tty });
    return true;
  }

  get(id: number): ExecSession | undefined {
    return this.#sessions.get(id);
  }

  end(id: number): void {
    this.#sessions.delete(id);
  }

  /** Ids of the sessions within a client's range. */
  within(range: { readonly start: number; readonly endExclusive: number }): number[] {
    return [...this.#sessions.keys()].filter((id) => id >= range.start && id < range.endExclusive);
  }
}
