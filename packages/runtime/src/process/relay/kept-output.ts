import { encodeMessageFrame } from '@microsandbox/protocol';
import type { RelayClient } from './relay-client.ts';
import { withId } from './with-id.ts';

/** Who reads a kept command, and under which correlation id. */
export interface Viewer {
  readonly client: RelayClient;
  readonly id: number;
}

/** Frames that wait for the next viewer, in bytes. The whole output is in the sandbox's log. */
const TAIL_BYTES = 256 * 1024;

/**
 * Output of a command that outlives its client. While somebody looks, frames go there. While nobody does, the command
 * runs on, and the last of its output waits for the next viewer, who is told how much is missing in front of it.
 */
export class KeptOutput {
  readonly #tty: boolean;
  #viewer: Viewer | null;
  #tail: Buffer[] = [];
  #tailBytes = 0;
  #lostBytes = 0;

  constructor(tty: boolean, viewer: Viewer) {
    this.#tty = tty;
    this.#viewer = viewer;
  }

  get viewer(): Viewer | null {
    return this.#viewer;
  }

  push(frame: Buffer): void {
    if (this.#viewer !== null) {
      this.#viewer.client.deliver(withId(frame, this.#viewer.id));
      return;
    }
    // A copy: the frame lies in a larger piece of memory.
    this.#tail.push(Buffer.from(frame));
    this.#tailBytes += frame.length;
    while (this.#tailBytes > TAIL_BYTES && this.#tail.length > 1) {
      const size = this.#tail.shift()?.length ?? 0;
      this.#tailBytes -= size;
      this.#lostBytes += size;
    }
  }

  /** Hands over what waits, and everything from now on. */
  show(viewer: Viewer): void {
    this.#viewer = viewer;
    const { client, id } = viewer;
    if (this.#lostBytes > 0) {
      const data = Buffer.from(
        `[microsandbox: about ${this.#lostBytes} bytes of output left out; see the log]\n`,
      );
      client.deliver(encodeMessageFrame(id, this.#tty ? 'core.exec.stdout' : 'core.exec.stderr', { data }));
    }
    for (const frame of this.#tail) client.deliver(withId(frame, id));
    this.#tail = [];
    this.#tailBytes = 0;
    this.#lostBytes = 0;
  }

  /** The viewer went away. */
  hide(): void {
    this.#viewer = null;
  }
}
