import { type Duplex, duplexPair } from 'node:stream';
import {
  type DecodedFrame,
  decodeAnyEnvelope,
  decodeMessage,
  encodeMessageFrame,
  FrameDecoder,
  type Message,
  type MessageType,
  type PayloadInput,
} from '@microsandbox/protocol';

/** A message as the guest got it. */
export type Received = Message & { readonly id: number };

/** How a {@link FakeGuest} behaves. */
export interface FakeGuestOptions {
  /** Frames after readiness; pings and touches are answered without it. */
  readonly onMessage?: (message: Received, guest: FakeGuest) => void;
  /** Stop before this step of the handshake. */
  readonly stopBefore?: 'resolved' | 'ready';
}

/** The agent's end of a console port, without a machine: speaks the handshake and what a test tells it. */
export class FakeGuest {
  /** The host's end. */
  readonly hostPort: Duplex;
  /** Every message in order, the handshake's included. */
  readonly received: Received[] = [];
  readonly port: Duplex;
  readonly #decoder = new FrameDecoder();
  readonly #options: FakeGuestOptions;

  constructor(options: FakeGuestOptions = {}) {
    this.#options = options;
    [this.hostPort, this.port] = duplexPair();
    this.port.on('data', (chunk: Buffer) => {
      for (const frame of this.#decoder.push(chunk)) this.#handle(frame);
    });
    this.port.on('error', () => {});
  }

  send<T extends MessageType>(id: number, type: T, payload: PayloadInput<T>): boolean {
    return this.port.write(encodeMessageFrame(id, type, payload));
  }

  sendRaw(bytes: Buffer): void {
    this.port.write(bytes);
  }

  /** Types of the messages with this id, in order. */
  typesOf(id: number): MessageType[] {
    return this.received.filter((message) => message.id === id).map(({ type }) => type);
  }

  #handle(frame: DecodedFrame): void {
    // What comes before the bootstrap is no message of the public protocol.
    if (decodeAnyEnvelope(frame.body).type.startsWith('core.template.')) return;
    const message = { ...decodeMessage(frame), id: frame.id } as Received;
    this.received.push(message);
    const { stopBefore, onMessage } = this.#options;
    if (message.type === 'core.bootstrap') {
      if (stopBefore !== 'resolved') this.send(0, 'core.init.resolved', { defaultUser: { uid: 0, gid: 0 } });
    } else if (message.type === 'core.init.ack') {
      if (stopBefore !== 'ready') {
        this.send(0, 'core.ready', {
          bootTimeNs: 1n,
          initTimeNs: 2n,
          readyTimeNs: 3n,
          agentVersion: 'fake',
        });
      }
    } else if (message.type === 'core.ping') {
      this.send(message.id, 'core.pong', {});
    } else if (message.type === 'core.touch') {
      this.send(message.id, 'core.touched', { activitySeq: 1n });
    } else {
      onMessage?.(message, this);
    }
  }
}
