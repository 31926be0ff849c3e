import { encodeMessageFrame } from '@microsandbox/protocol';
import type { RelayClient } from './relay-client.ts';
import { withId } from './with-id.ts';

/** Who reads a kept command, and under which correlation id. */
export interface Viewer {
  readonly client: RelayClient;
  readonly id: number;
}

/** Frames that the next viewer is shown, in bytes. The whole output is in the sandbox's log. */
const TAIL_BYTES = 256 * 1024;

/**
 * Output of a command that outlives its client. While somebody looks, frames go there; while nobody does, the command
 * runs on. The last of its output is kept for the next viewer, whoever saw it before, since what was on the way to a
 * client that left was not seen at all; and the viewer is told how much is missing in front of it.
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
    if (this.#viewer !== null) this.#viewer.client.deliver(withId(frame, this.#viewer.id));
    // A copy: the frame lies in a larger piece of memory.
    this.#tail.push(Buffer.from(frame));
    this.#tailBytes += frame.length;
    while (this.#tailBytes > TAIL_BYTES && this.#tail.length > 1) {
      const size = this.#tail.shift()?.length ?? 0;
      this.#tailBytes -= size;
      this.#lostBytes += size;
    }
  }

  /** Shows the last of what there was, and everything from now on. */
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
  }

  /** The viewer went away. */
  hide(): void {
    this.#viewer = null;
  }
}
