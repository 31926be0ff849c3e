import type { Duplex } from 'node:stream';
import {
  type DecodedFrame,
  encodeMessageFrame,
  FrameReceiver,
  type MessageType,
  type PayloadInput,
} from '@microsandbox/protocol';
import { isReceivingSocket } from '../../vmm/receiving-socket.ts';
import { ReusedMemory } from './reused-memory.ts';

/** What a {@link GuestLink} tells. */
export interface GuestLinkEvents {
  /** The frame's bytes are written to again, unless {@link GuestLink.holdMemory} is called before `onRead`. */
  onFrame(frame: DecodedFrame): void;
  /** All frames of one read were told. */
  onRead(): void;
  /** The guest broke the wire format; what could not be read was skipped. */
  onGarbage(reason: string): void;
  /** The guest takes bytes again after {@link GuestLink.send} returned false. */
  onDrain(): void;
  onClose(): void;
}

/** The stream of frames to and from the guest's agent. */
export class GuestLink {
  readonly #port: Duplex;
  readonly #memory = new ReusedMemory();
  readonly #receiver = new FrameReceiver(this.#memory);
  #events: GuestLinkEvents;
  #holds = 0;

  constructor(port: Duplex, events: GuestLinkEvents) {
    this.#port = port;
    this.#events = events;
    if (isReceivingSocket(port)) {
      port.receiveWith({ room: () => this.#receiver.room(), receive: (bytes) => this.#receive(bytes) });
    } else {
      port.on('data', (chunk: Buffer) => this.#receive(chunk));
    }
    port.on('drain', () => this.#events.onDrain());
    port.on('error', () => {});
    port.on('close', () => this.#events.onClose());
  }

  /** Whoever handles frames from now on; between two frames, never within one. */
  set events(events: GuestLinkEvents) {
    this.#events = events;
  }

  /**
   * Writes a frame as it is. What the port does not take at once is kept by `holdMemory`, which returns what lets it go.
   *
   * @returns false when the caller should wait for `onDrain`
   */
  send(bytes: Buffer, holdMemory: () => () => void = () => () => {}): boolean {
    if (!this.#port.writable) return true;
    let release: (() => void) | null = null;
    const hasRoom = this.#port.write(bytes, () => release?.());
    if (this.#port.writableLength > 0) release = holdMemory();
    return hasRoom;
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

  /** Keeps the memory of the frames that are being told, until the returned function is called. */
  holdMemory(): () => void {
    return this.#memory.hold();
  }

  #receive(bytes: Buffer): void {
    this.#receiver.push(bytes);
    for (let frame = this.#next(); frame !== null; frame = this.#next()) this.#events.onFrame(frame);
    this.#events.onRead();
  }

  /** The next frame; what cannot be read is told and stepped over. */
  #next(): DecodedFrame | null {
    for (;;) {
      try {
        return this.#receiver.next();
      } catch (error) {
        this.#events.onGarbage((error as Error).message);
      }
    }
  }
}
