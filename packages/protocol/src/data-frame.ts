import { PROTOCOL_VERSION } from './constants.ts';
import type { MessageType } from './message-types.ts';

/** Messages that carry bytes and nothing else: most of what passes. */
const DATA_TYPES = [
  'core.exec.stdout',
  'core.exec.stderr',
  'core.exec.stdin',
  'core.fs.data',
  'core.tcp.data',
] as const satisfies MessageType[];

export type DataType = (typeof DATA_TYPES)[number];

/** Such a message, without the flags of its frame. */
export type DataMessage = {
  [T in DataType]: {
    readonly type: T;
    /** Generation of the sender. */
    readonly version: number;
    /** A view of the body. */
    readonly payload: { readonly data: Buffer };
  };
}[DataType];

const MAP = 0xa0;
const TEXT = 0x60;
const BYTES = 0x40;

/** Start of an envelope, up to its generation. */
const ENVELOPE = Buffer.from([MAP | 3, TEXT | 1, 0x76]);
/** From the generation to the payload, for each type. */
const MIDDLES = DATA_TYPES.map((type) => ({
  type,
  bytes: Buffer.concat([
    Buffer.from([TEXT | 1, 0x74, TEXT | type.length]),
    Buffer.from(type),
    Buffer.from([TEXT | 1, 0x70]),
  ]),
}));
/** Start of a payload, up to the data. */
const PAYLOAD = Buffer.concat([Buffer.from([MAP | 1, TEXT | 4]), Buffer.from('data')]);

/** Whether messages of `type` carry bytes and nothing else. */
export function isDataType(type: MessageType): type is DataType {
  return (DATA_TYPES as readonly MessageType[]).includes(type);
}

/**
 * The body of a message that carries `bytes` bytes of data, up to these. With the data behind it, it is what
 * `encodeMessage` writes.
 */
export function encodeDataHead(type: DataType, bytes: number): Buffer {
  const middle = MIDDLES.find((known) => known.type === type) as (typeof MIDDLES)[number];
  const data = byteStringHead(bytes);
  const payload = byteStringHead(PAYLOAD.length + data.length + bytes);
  const generation = Buffer.from([PROTOCOL_VERSION]);
  return Buffer.concat([ENVELOPE, generation, middle.bytes, payload, PAYLOAD, data]);
}

/**
 * Reads a frame's body if it is written like those of {@link encodeDataHead}, in whatever generation. Null for anything
 * else, sound or not: that is for `decodeMessage` to say.
 */
export function decodeDataBody(body: Buffer): DataMessage | null {
  const version = body[ENVELOPE.length] ?? TINY_END;
  if (version >= TINY_END || !standsAt(body, 0, ENVELOPE)) return null;
  let at = ENVELOPE.length + 1;
  const middle = MIDDLES.find(({ bytes }) => standsAt(body, at, bytes));
  if (middle === undefined) return null;
  at += middle.bytes.length;
  const payloadSize = byteStringSize(body, at);
  if (payloadSize === null) return null;
  at += headSize(payloadSize);
  if (body.length - at !== payloadSize || !standsAt(body, at, PAYLOAD)) return null;
  at += PAYLOAD.length;
  const dataSize = byteStringSize(body, at);
  if (dataSize === null) return null;
  at += headSize(dataSize);
  if (body.length - at !== dataSize) return null;
  return { type: middle.type, version, payload: { data: body.subarray(at) } };
}

function standsAt(body: Buffer, at: number, bytes: Buffer): boolean {
  const end = at + bytes.length;
  return end <= body.length && body.compare(bytes, 0, bytes.length, at, end) === 0;
}

/** Sizes from here on stand behind the head's first byte (RFC 8949, section 3). */
const TINY_END = 24;

/** Bytes of the head of a byte string: as few as its size allows. */
function headSize(size: number): number {
  if (size < TINY_END) return 1;
  if (size < 0x100) return 2;
  return size < 0x1_0000 ? 3 : 5;
}

function byteStringHead(size: number): Buffer {
  const head = Buffer.alloc(headSize(size));
  if (head.length === 1) head[0] = BYTES | size;
  else {
    head[0] = BYTES | (TINY_END + Math.log2(head.length - 1));
    head.writeUIntBE(size, 1, head.length - 1);
  }
  return head;
}

/** The size of the byte string whose head stands at `at`; null when there is none, or a longer head than it takes. */
function byteStringSize(body: Buffer, at: number): number | null {
  const first = (body[at] ?? 0) ^ BYTES;
  if (first < TINY_END) return first;
  const width = first === 24 ? 1 : first === 25 ? 2 : first === 26 ? 4 : 0;
  if (width === 0 || at + 1 + width > body.length) return null;
  const size = body.readUIntBE(at + 1, width);
  return headSize(size) === 1 + width ? size : null;
}
