import type { Duplex } from 'node:stream';
import {
  type DecodedFrame,
  encodeMessageFrame,
  FrameDecoder,
  type MessageType,
  type PayloadInput,
} from '@microsandbox/protocol';

/** What a {@link GuestLink} tells. */
export interface GuestLinkEvents {
  onFrame(frame: DecodedFrame): void;
  /** The guest broke the wire format; what could not be read was skipped. */
  onGarbage(reason: string): void;
  /** The guest takes bytes again after {@link GuestLink.send} returned false. */
  onDrain(): void;
  onClose(): void;
}

/** The stream of frames to and from the guest's agent. */
export class GuestLink {
  readonly #port: Duplex;
  readonly #decoder = new FrameDecoder();
  #events: GuestLinkEvents;
  #holds = 0;

  constructor(port: Duplex, events: GuestLinkEvents) {
    this.#port = port;
    this.#events = events;
    port.on('data', (chunk: Buffer) => this.#receive(chunk));
    port.on('drain', () => this.#events.onDrain());
    port.on('error', () => {});
    port.on('close', () => this.#events.onClose());
  }

  /** Whoever handles frames from now on; between two frames, never within one. */
  set events(events: GuestLinkEvents) {
    this.#events = events;
  }

  /** Writes a frame as it is. @returns false when the caller should wait for `onDrain` */
  send(bytes: Buffer): boolean {
    return this.#port.writable ? this.#port.write(bytes) : true;
  }

  /** Writes a message of the relay's own. */
  sendMessage<T extends MessageType>(id: number, type: T, payload: PayloadInput<T>): boolean {
    return this.send(encodeMessageFrame(id, type, payload));
  }

  /** Stops reading until the returned function is called; several holds add up. */
  hold(): () => void {
    let held = true;
    this.#holds += 1;
    this.#port.pause();
    return () => {
      if (!held) return;
      held = false;
      this.#holds -= 1;
      if (this.#holds === 0) this.#port.resume();
    };
  }

  #receive(chunk: Buffer): void {
    let frames = this.#decoder.push(chunk);
    for (;;) {
      let next: IteratorResult<DecodedFrame, void>;
      try {
        next = frames.next();
      } catch (error) {
        this.#events.onGarbage((error as Error).message);
        // The bad frame is stepped over, but a generator that threw is finished.
        frames = this.#decoder.frames();
        continue;
      }
      if (next.done) return;
      this.#events.onFrame(next.value);
    }
  }
}
