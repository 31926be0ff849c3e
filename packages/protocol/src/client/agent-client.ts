import { ProtocolError } from '@microsandbox/types';
import { encodeMessage, type Message } from '../envelope.ts';
import type { Frame } from '../frame.ts';
import { flagsOf, type MessageType } from '../message-types.ts';
import { assertSupported, negotiate, supportsType } from '../negotiate.ts';
import type { Ready } from '../payloads/core.ts';
import type { PayloadInput } from '../payloads/table.ts';
import { AgentStream, decodeKnownMessage } from './agent-stream.ts';
import { Connection } from './connection.ts';
import { type DialOptions, dial } from './dial.ts';
import { FrameQueue } from './frame-queue.ts';
import type { Prologue } from './prologue.ts';
import { RawAgentStream } from './raw-agent-stream.ts';

export interface RequestOptions {
  /** Gives the wait up; a late answer is dropped. */
  readonly signal?: AbortSignal;
}

/**
 * A client of one sandbox's relay. Two tiers: typed (`request`, `stream`, `send`) checks generations and encodes;
 * raw (`requestRaw`, `streamRaw`, `sendRaw`) passes envelopes on as they are.
 *
 * When the connection is lost, everything pending rejects with `AgentLostError`. Use one client per exec: a program
 * whose output is not read then stops itself and nobody else (see {@link Connection}).
 *
 * @example
 * await using client = await AgentClient.connect(path);
 * const stream = await client.stream('core.exec.request', { cmd: '/bin/echo', args: ['hi'] });
 * for await (const message of stream) {
 *   if (message.type === 'core.exec.stdout') process.stdout.write(message.payload.data);
 * }
 */
export class AgentClient {
  readonly #connection: Connection;
  readonly #prologue: Prologue;
  /** The generation both sides speak. */
  readonly negotiatedVersion: number;

  private constructor(connection: Connection, prologue: Prologue) {
    this.#connection = connection;
    this.#prologue = prologue;
    this.negotiatedVersion = negotiate(prologue.readyVersion);
  }

  /**
   * Connects and waits for the guest's ready message, for `timeoutMs` (10 000) altogether.
   *
   * @throws AgentClientError
   */
  static async connect(path: string, options: DialOptions = {}): Promise<AgentClient> {
    const dialled = await dial(path, options);
    return new AgentClient(new Connection(dialled), dialled.prologue);
  }

  /** What the guest said when it was ready. */
  get ready(): Ready {
    return this.#prologue.ready;
  }

  /** The envelope of the guest's ready message, as it came. */
  readyBytes(): Buffer {
    return Buffer.from(this.#prologue.readyBody);
  }

  /** True when the guest understands `type`. */
  supports(type: MessageType): boolean {
    return supportsType(type, this.negotiatedVersion);
  }

  /**
   * Sends a message and resolves with the first one that comes back on its id, whatever its type.
   *
   * @throws UnsupportedOperationError, AgentLostError, AgentClientError, ProtocolError
   */
  async request<T extends MessageType>(
    type: T,
    payload: PayloadInput<T>,
    options: RequestOptions = {},
  ): Promise<Message> {
    assertSupported(type, this.negotiatedVersion);
    const frame = await this.requestRaw(flagsOf(type), encodeMessage(type, payload), options);
    const message = decodeKnownMessage(frame);
    if (message === null) throw new ProtocolError(`unknown message type in answer to ${type}`);
    return message;
  }

  /**
   * Sends a message and returns everything that comes back on its id.
   *
   * @throws UnsupportedOperationError, AgentLostError, AgentClientError
   */
  async stream<T extends MessageType>(type: T, payload: PayloadInput<T>): Promise<AgentStream> {
    assertSupported(type, this.negotiatedVersion);
    const raw = await this.streamRaw(flagsOf(type), encodeMessage(type, payload));
    return new AgentStream(raw, this.negotiatedVersion);
  }

  /** Sends a message on an id that is open, or on 0 for `core.shutdown`. */
  async send<T extends MessageType>(id: number, type: T, payload: PayloadInput<T>): Promise<void> {
    assertSupported(type, this.negotiatedVersion);
    await this.#connection.send(id, flagsOf(type), encodeMessage(type, payload));
  }

  /** Asks the guest to power off; there is no answer. */
  shutdown(): Promise<void> {
    return this.send(0, 'core.shutdown', null);
  }

  /** Sends an envelope under a new id and resolves with the first frame that comes back. */
  async requestRaw(flags: number, body: Uint8Array, options: RequestOptions = {}): Promise<Frame> {
    options.signal?.throwIfAborted();
    const queue = new FrameQueue();
    const id = this.#connection.open(queue);
    const onAbort = (): void => queue.discard(options.signal?.reason);
    options.signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const [frame] = await Promise.all([queue.next(), this.#connection.send(id, flags, body)]);
      // A queue ends without a frame only with an error.
      return frame as Frame;
    } finally {
      options.signal?.removeEventListener('abort', onAbort);
      this.#connection.forget(id);
    }
  }

  /** Sends an envelope under a new id and returns the frames that come back. */
  async streamRaw(flags: number, body: Uint8Array): Promise<RawAgentStream> {
    return this.streamRawWith(flags, body, async () => {});
  }

  /**
   * Sends an envelope under a new id together with what `companion` sends about that id at once: both travel in one
   * write, so that nothing of the stream comes back in between. Rejects also when `companion` does.
   */
  async streamRawWith(
    flags: number,
    body: Uint8Array,
    companion: (id: number) => Promise<unknown>,
  ): Promise<RawAgentStream> {
    const queue = new FrameQueue();
    const id = this.#connection.open(queue);
    try {
      await this.#connection.together(() =>
        Promise.all([this.#connection.send(id, flags, body), companion(id)]),
      );
    } catch (error) {
      this.#connection.forget(id);
      throw error;
    }
    return new RawAgentStream(id, this.#connection, queue);
  }

  /** Sends an envelope under an id that is open. */
  sendRaw(id: number, flags: number, body: Uint8Array): Promise<void> {
    return this.#connection.send(id, flags, body);
  }

  /** Ends the connection; pending operations reject with `client closed`. Idempotent. */
  close(): Promise<void> {
    return this.#connection.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
