import { type Duplex, duplexPair } from 'node:stream';
import {
  type DecodedFrame,
  decodeAnyEnvelope,
  decodeCbor,
  decodeMessage,
  encodeCbor,
  encodeEnvelope,
  encodeFrame,
  encodeMessageFrame,
  FrameDecoder,
  HEARTBEAT,
  type Message,
  type MessageType,
  type PayloadInput,
  PROTOCOL_VERSION,
} from '@microsandbox/protocol';

/** A message as the guest got it. */
export type Received = Message & { readonly id: number };

/** How a {@link FakeGuest} behaves. */
export interface FakeGuestOptions {
  /** Frames after readiness; pings and touches are answered without it. */
  readonly onMessage?: (message: Received, guest: FakeGuest) => void;
  /** Stop before this step of the handshake. */
  readonly stopBefore?: 'resolved' | 'ready';
  /** What the agent says that it offers beyond the generation. */
  readonly extensions?: readonly string[];
}

/** What the relay said about the output of a client. */
export interface FlowOrder {
  readonly idStart: number;
  readonly idEndExclusive: number;
  readonly held: boolean;
}

const SILENT = {
  heartbeatSeq: 1,
  activitySeq: 0,
  timestamp: '2026-01-01T00:00:01.000000000Z',
  lastActivity: '2026-01-01T00:00:00Z',
  activeExecSessions: 0,
  activeFsStreams: 0,
  activeTcpStreams: 0,
  activityCounters: { hostMessages: 0, guestMessages: 0, execOutputBytes: 0, fsBytes: 0, tcpBytes: 0 },
  memoryTotal: 0,
  memoryAvailable: 0,
  upperUsed: 0,
  upperFree: 0,
};

/** Keys as they are on the wire. */
function snakeCased(value: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      typeof item === 'object' ? snakeCased(item) : item,
    ]),
  );
}

/** The agent's end of a console port, without a machine: speaks the handshake and what a test tells it. */
export class FakeGuest {
  /** The host's end. */
  readonly hostPort: Duplex;
  /** Every message in order, the handshake's included. */
  readonly received: Received[] = [];
  /** In order. */
  readonly flows: FlowOrder[] = [];
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

  /** Reports like the agent; what is not given is zero. */
  sendHeartbeat(report: Readonly<Record<string, number | bigint | string>>): void {
    const body = encodeEnvelope({
      version: PROTOCOL_VERSION,
      type: HEARTBEAT,
      payload: encodeCbor(snakeCased({ ...SILENT, ...report })),
    });
    this.sendRaw(encodeFrame({ id: 0, flags: 0, body }));
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
    const { type, payload } = decodeAnyEnvelope(frame.body);
    if (type.startsWith('core.template.')) return;
    if (type === 'core.relay.client.flow') {
      const map = decodeCbor(payload) as Map<string, unknown>;
      this.flows.push({
        idStart: Number(map.get('id_start')),
        idEndExclusive: Number(map.get('id_end_exclusive')),
        held: map.get('held') === true,
      });
      return;
    }
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
          extensions: this.#options.extensions ?? [],
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
