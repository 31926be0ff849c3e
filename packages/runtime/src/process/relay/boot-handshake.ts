import { type DecodedFrame, decodeAnyEnvelope, decodeMessage, type Message } from '@microsandbox/protocol';
import { ProtocolError } from '@microsandbox/types';
import { deferred } from '../../async/deferred.ts';
import { HINTS } from '../boot-failure-finding.ts';
import type { GuestLink, GuestLinkEvents } from './guest-link.ts';

/** How far the guest is. */
export interface HandshakeProgress {
  /** The guest assembled its root file system and knows its default user; it mounts more only afterwards. */
  onResolved(defaultUser: { readonly uid: number; readonly gid: number }): void;
}

/**
 * The guest's first frames: `core.init.resolved`, answered with `core.init.ack`, then `core.ready` (protocol
 * section 9). Anything else is dropped, but one of these that cannot be read: its agent is another version's. Never settles
 * when the guest stays silent; the caller has the clock.
 */
export class BootHandshake implements GuestLinkEvents {
  readonly #progress: HandshakeProgress;
  readonly #ready = deferred<Buffer>();
  #link: GuestLink | null = null;

  constructor(progress: HandshakeProgress) {
    this.#progress = progress;
  }

  /**
   * Resolves to the whole ready frame, as it came.
   *
   * @throws ProtocolError when the agent speaks another protocol
   */
  run(link: GuestLink): Promise<Buffer> {
    this.#link = link;
    return this.#ready.promise;
  }

  onFrame(frame: DecodedFrame): void {
    const message = this.#messageOf(frame);
    if (message?.type === 'core.init.resolved') {
      this.#progress.onResolved(message.payload.defaultUser);
      this.#link?.sendMessage(0, 'core.init.ack', {});
    } else if (message?.type === 'core.ready') {
      // A copy: the frame lies in memory that is written to again, and it is kept for the machine's life.
      this.#ready.resolve(Buffer.from(frame.bytes));
    }
  }

  onRead(): void {}

  onGarbage(): void {}

  onDrain(): void {}

  onClose(): void {}

  #messageOf(frame: DecodedFrame): Message | null {
    if (frame.id !== 0) return null;
    try {
      return decodeMessage(frame);
    } catch (error) {
      if (isOfHandshake(frame)) this.#ready.reject(foreignAgent(error));
      return null;
    }
  }
}

function isOfHandshake(frame: DecodedFrame): boolean {
  try {
    return ['core.init.resolved', 'core.ready'].includes(decodeAnyEnvelope(frame.body).type);
  } catch {
    return false;
  }
}

function foreignAgent(cause: unknown): ProtocolError {
  return new ProtocolError(`the guest's agent speaks another protocol: ${(cause as Error).message}`, {
    cause,
    hint: HINTS.renewInitramfs,
  });
}
