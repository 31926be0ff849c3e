import { BlockedConnection } from '../blocked.ts';
import { GrowingBuffer } from '../growing-buffer.ts';

/** Types of frames that are looked into (RFC 9113 section 6). */
export const FRAME = {
  data: 0x0,
  headers: 0x1,
  pushPromise: 0x5,
  continuation: 0x9,
  rstStream: 0x3,
} as const;

export const FLAG = { endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
  /** As it came. */
  readonly bytes: Buffer;
}

const HEADER_BYTES = 9;
/** Longest frame that is held in memory. Peers send 16 KiB unless they agree on more. */
const MAX_PAYLOAD_BYTES = 1024 * 1024;

/** Takes a stream of frames apart. */
export class FrameReader {
  readonly #bytes = new GrowingBuffer();

  /** @returns the frames that are complete now @throws BlockedConnection for one that is too long */
  read(chunk: Buffer): Frame[] {
    this.#bytes.append(chunk);
    const first = readFrame(this.#bytes.peek());
    if (first === null) return [];
    const bytes = this.#bytes.take();
    const frames = [first];
    let at = first.bytes.length;
    for (let frame = readFrame(bytes.subarray(at)); frame !== null; frame = readFrame(bytes.subarray(at))) {
      frames.push(frame);
      at += frame.bytes.length;
    }
    this.#bytes.append(bytes.subarray(at));
    return frames;
  }

  /** Bytes of a frame that is not complete. */
  get pending(): number {
    return this.#bytes.length;
  }
}

function readFrame(bytes: Buffer): Frame | null {
  if (bytes.length < HEADER_BYTES) return null;
  const end = HEADER_BYTES + payloadLength(bytes);
  if (bytes.length < end) return null;
  return {
    type: bytes.readUInt8(3),
    flags: bytes.readUInt8(4),
    streamId: bytes.readUInt32BE(5) & 0x7fff_ffff,
    payload: bytes.subarray(HEADER_BYTES, end),
    bytes: bytes.subarray(0, end),
  };
}

function payloadLength(header: Buffer): number {
  const length = header.readUIntBE(0, 3);
  if (length > MAX_PAYLOAD_BYTES) throw new BlockedConnection('request: a frame too long');
  return length;
}

/** The payload of DATA or HEADERS without padding and priority. @throws BlockedConnection */
export function bareContent({ type, flags, payload }: Frame): Buffer {
  let content = payload;
  let padding = 0;
  if ((flags & FLAG.padded) !== 0) {
    padding = content[0] ?? Number.POSITIVE_INFINITY;
    content = content.subarray(1);
  }
  const priority = type === FRAME.headers && (flags & FLAG.priority) !== 0 ? 5 : 0;
  if (priority + padding > content.length) {
    throw new BlockedConnection('request: a frame shorter than its padding');
  }
  return content.subarray(priority, content.length - padding);
}

/** One frame (RFC 9113, section 4.1). The payload must be within the length that the receiver takes. */
export function formatFrame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, payload]);
}
