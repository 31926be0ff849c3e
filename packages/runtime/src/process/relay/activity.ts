import type { MessageType } from '@microsandbox/protocol';

/** Frames from a client that do not restart the idle time (protocol section 15). `touch` does, by its answer. */
const IDLE_TYPES: ReadonlySet<MessageType> = new Set(['core.ping', 'core.clock.sync', 'core.error']);

/** Counts what keeps a sandbox from being idle: traffic and running commands (spec: runtime A6). */
export class Activity {
  #sequence = 0;

  /** Changes with each meaningful event. */
  get sequence(): number {
    return this.#sequence;
  }

  clientSent(type: MessageType): void {
    if (!IDLE_TYPES.has(type)) this.#sequence += 1;
  }

  /** Output or an end of a command; answers to pings never come here. */
  guestSent(): void {
    this.#sequence += 1;
  }
}
