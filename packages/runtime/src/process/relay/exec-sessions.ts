import type { ExecExited, ExecRequest } from '@microsandbox/protocol';
import type { KeptOutput } from './kept-output.ts';

/** A command of the guest. */
export interface ExecSession {
  /** Counts from 1 within a run. */
  readonly number: number;
  /** Its correlation id, in the range of the client that started it. */
  readonly id: number;
  readonly tty: boolean;
  /** Command and arguments for people. */
  readonly command: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  pid: number | null;
  /** Set when it is to outlive its client. */
  kept: KeptOutput | null;
  /** Set at its end. */
  exit: ExecExited | null;
}

/** Most commands that are known at a time; a client opens a session with each id it likes. */
const MAX_SESSIONS = 65_536;
/** Most that outlive their clients: each keeps a slot of 128 from being used again. */
const MAX_KEPT = 64;
/** Kept commands that ended and are still listed. */
const MAX_ENDED = 64;
const MAX_COMMAND_CHARS = 256;

/** The commands under way, by correlation id, and kept ones that ended lately. */
export class ExecSessions {
  readonly #live = new Map<number, ExecSession>();
  #ended: ExecSession[] = [];
  #started = 0;

  get size(): number {
    return this.#live.size;
  }

  /** @returns false when there are too many */
  start(id: number, { cmd, args = [], tty = false }: ExecRequest): boolean {
    if (this.#live.size >= MAX_SESSIONS) return false;
    this.#started += 1;
    const command = [cmd, ...args.slice(0, 32)].join(' ').slice(0, MAX_COMMAND_CHARS);
    this.#live.set(id, {
      number: this.#started,
      id,
      tty,
      command,
      startedAt: Date.now(),
      pid: null,
      kept: null,
      exit: null,
    });
    return true;
  }

  get(id: number): ExecSession | undefined {
    return this.#live.get(id);
  }

  /** By number, ended ones included. */
  find(number: number): ExecSession | undefined {
    return this.list().find((session) => session.number === number);
  }

  /** All, in the order of their start. */
  list(): ExecSession[] {
    return [...this.#live.values(), ...this.#ended].sort((a, b) => a.number - b.number);
  }

  /** Whether one more may be kept. */
  get hasRoomToKeep(): boolean {
    return this.kept().length < MAX_KEPT;
  }

  /** Those under way that outlive their clients. */
  kept(): ExecSession[] {
    return [...this.#live.values()].filter(({ kept }) => kept !== null);
  }

  end(id: number): void {
    const session = this.#live.get(id);
    this.#live.delete(id);
    // One that never ran is not worth a line.
    if (session?.kept && session.exit !== null) this.#ended = [...this.#ended, session].slice(-MAX_ENDED);
  }

  /** Those within a client's range. */
  within(range: { readonly start: number; readonly endExclusive: number }): ExecSession[] {
    return [...this.#live.values()].filter(({ id }) => id >= range.start && id < range.endExclusive);
  }
}
