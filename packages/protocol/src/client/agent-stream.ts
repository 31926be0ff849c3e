import { type DataType, decodeDataBody, encodeDataHead, isDataType } from '../data-frame.ts';
import { decodeAnyEnvelope, decodePayload, encodeMessage, type Message } from '../envelope.ts';
import type { Frame } from '../frame.ts';
import { flagsOf, isMessageType, type MessageType } from '../message-types.ts';
import { assertSupported } from '../negotiate.ts';
import type { PayloadInput } from '../payloads/table.ts';
import type { RawAgentStream } from './raw-agent-stream.ts';

/**
 * Messages of one correlation id, decoded. Ends behind the terminal message; rejects with `AgentLostError` when the
 * connection ends before it, and with `ProtocolError` when the guest sends a broken payload.
 */
export class AgentStream implements AsyncIterableIterator<Message> {
  readonly #raw: RawAgentStream;
  readonly #negotiatedVersion: number;

  /** @internal */
  constructor(raw: RawAgentStream, negotiatedVersion: number) {
    this.#raw = raw;
    this.#negotiatedVersion = negotiatedVersion;
  }

  /** The correlation id. */
  get id(): number {
    return this.#raw.id;
  }

  async next(): Promise<IteratorResult<Message, undefined>> {
    for (;;) {
      const { done, value } = await this.#raw.next();
      if (done) return { done: true, value: undefined };
      const message = decodeKnownMessage(value);
      if (message !== null) return { done: false, value: message };
    }
  }

  /**
   * Sends a follow-up message on this id; resolves when the socket took it. Data must not be changed until then.
   *
   * @throws UnsupportedOperationError when the guest is too old for the type.
   */
  async send<T extends MessageType>(type: T, payload: PayloadInput<T>): Promise<void> {
    assertSupported(type, this.#negotiatedVersion);
    const data = dataOf(type, payload);
    if (data === null) await this.#raw.send(flagsOf(type), encodeMessage(type, payload));
    else await this.#raw.send(flagsOf(type), encodeDataHead(data.type, data.bytes.length), data.bytes);
  }

  /** Stops delivery here; the guest is not told. Idempotent. */
  close(): Promise<void> {
    return this.#raw.close();
  }

  async return(): Promise<IteratorResult<Message, undefined>> {
    await this.close();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** What a message carries that is nothing but data. */
function dataOf(
  type: MessageType,
  payload: unknown,
): { readonly type: DataType; readonly bytes: Uint8Array } | null {
  const bytes = (payload as { readonly data?: unknown } | null)?.data;
  return isDataType(type) && bytes instanceof Uint8Array ? { type, bytes } : null;
}

/** The message of a frame, or null for a type of a later generation, which a reader skips. */
export function decodeKnownMessage(frame: Frame): Message | null {
  const data = decodeDataBody(frame.body);
  if (data !== null) return { ...data, flags: frame.flags };
  const { type, version, payload } = decodeAnyEnvelope(frame.body);
  if (!isMessageType(type)) return null;
  return { type, payload: decodePayload(type, payload), flags: frame.flags, version } as Message;
}
