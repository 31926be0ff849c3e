import { type DecodedFrame, decodeMessage, type Message } from '@microsandbox/protocol';
import { deferred } from '../../async/deferred.ts';
import type { GuestLink, GuestLinkEvents } from './guest-link.ts';

/** How far the guest is. */
export interface HandshakeProgress {
  /** The guest assembled its root file system and knows its default user; it mounts more only afterwards. */
  onResolved(defaultUser: { readonly uid: number; readonly gid: number }): void;
}

/**
 * The guest's first frames: `core.init.resolved`, answered with `core.init.ack`, then `core.ready` (protocol
 * section 9). Anything else is dropped. Never settles when the guest stays silent; the caller has the clock.
 */
export class BootHandshake implements GuestLinkEvents {
  readonly #progress: HandshakeProgress;
  readonly #ready = deferred<Buffer>();
  #link: GuestLink | null = null;

  constructor(progress: HandshakeProgress) {
    this.#progress = progress;
  }

  /** Resolves to the whole ready frame, as it came. */
  run(link: GuestLink): Promise<Buffer> {
    this.#link = link;
    return this.#ready.promise;
  }

  onFrame(frame: DecodedFrame): void {
    const message = messageOf(frame);
    if (message?.type === 'core.init.resolved') {
      this.#progress.onResolved(message.payload.defaultUser);
      this.#link?.sendMessage(0, 'core.init.ack', {});
    } else if (message?.type === 'core.ready') {
      // A copy: the frame lies in a larger piece of memory, and it is kept for the machine's life.
      this.#ready.resolve(Buffer.from(frame.bytes));
    }
  }

  onGarbage(): void {}

  onDrain(): void {}

  onClose(): void {}
}

function messageOf(frame: DecodedFrame): Message | null {
  try {
    return frame.id === 0 ? decodeMessage(frame) : null;
  } catch {
    return null;
  }
}
