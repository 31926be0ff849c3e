import { ProtocolError } from '@microsandbox/types';
import type { Codec } from './cbor/codec.ts';
import { shapeError } from './cbor/codec.ts';
import { decodeCbor } from './cbor/decode-cbor.ts';
import { encodeCbor } from './cbor/encode-cbor.ts';
import { bytes, text, u8 } from './cbor/scalars.ts';
import { PROTOCOL_VERSION } from './constants.ts';
import { encodeFrame, type Frame } from './frame.ts';
import { flagsOf, isMessageType, type MessageType } from './message-types.ts';
import { PAYLOADS, type Payload, type PayloadInput } from './payloads/table.ts';

/** The body of a frame: generation, type and the payload as the CBOR item it came as (protocol section 3). */
export interface Envelope<T extends string = MessageType> {
  /** Generation of the sender. */
  readonly version: number;
  readonly type: T;
  /** One CBOR item. */
  readonly payload: Buffer;
}

/** A message with its payload decoded; `type` tells the payload's shape. */
export type Message<T extends MessageType = MessageType> = T extends MessageType
  ? { readonly type: T; readonly payload: Payload<T>; readonly flags: number; readonly version: number }
  : never;

/** Writes an envelope around payload bytes. Key order is fixed: v, t, p. */
export function encodeEnvelope(envelope: {
  readonly version: number;
  readonly type: string;
  readonly payload: Uint8Array;
}): Buffer {
  return encodeCbor({ v: envelope.version, t: envelope.type, p: envelope.payload });
}

/**
 * Writes the body of a frame.
 *
 * @throws ProtocolError when the payload does not fit its type.
 */
export function encodeMessage<T extends MessageType>(
  type: T,
  payload: PayloadInput<T>,
  options: { readonly version?: number } = {},
): Buffer {
  const codec = PAYLOADS[type] as Codec<unknown, unknown>;
  return encodeEnvelope({
    version: options.version ?? PROTOCOL_VERSION,
    type,
    payload: encodeCbor(codec.encode(payload)),
  });
}

/** Writes a whole frame, with the flags its type demands. */
export function encodeMessageFrame<T extends MessageType>(
  id: number,
  type: T,
  payload: PayloadInput<T>,
  options: { readonly version?: number } = {},
): Buffer {
  return encodeFrame({ id, flags: flagsOf(type), body: encodeMessage(type, payload, options) });
}

/**
 * Reads an envelope and leaves its type as it is, known or not.
 *
 * @throws ProtocolError
 */
export function decodeAnyEnvelope(body: Uint8Array): Envelope<string> {
  const map = decodeCbor(body);
  if (!(map instanceof Map)) throw shapeError('a map', map);
  for (const key of ['v', 't', 'p']) {
    if (!map.has(key)) throw new ProtocolError(`cbor decode error: missing field \`${key}\``);
  }
  return {
    version: u8.decode(map.get('v')),
    type: text.decode(map.get('t')),
    payload: bytes.decode(map.get('p')),
  };
}

/**
 * Reads an envelope of a known type.
 *
 * @throws ProtocolError, for an unknown type with the text `unknown message type: X`.
 */
export function decodeEnvelope(body: Uint8Array): Envelope {
  const envelope = decodeAnyEnvelope(body);
  const { type } = envelope;
  if (!isMessageType(type)) throw new ProtocolError(`unknown message type: ${type}`);
  return { ...envelope, type };
}

/**
 * Reads the payload of a message.
 *
 * @throws ProtocolError
 */
export function decodePayload<T extends MessageType>(type: T, payload: Uint8Array): Payload<T> {
  const codec = PAYLOADS[type] as Codec<unknown, unknown>;
  return codec.decode(decodeCbor(payload)) as Payload<T>;
}

/**
 * Reads a frame's whole message.
 *
 * @throws ProtocolError
 */
export function decodeMessage(frame: Pick<Frame, 'flags' | 'body'>): Message {
  const { type, version, payload } = decodeEnvelope(frame.body);
  return { type, payload: decodePayload(type, payload), flags: frame.flags, version } as Message;
}
