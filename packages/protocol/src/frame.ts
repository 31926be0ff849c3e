import { ProtocolError } from '@microsandbox/types';
import { FRAME_HEADER_SIZE, FRAME_PREFIX_SIZE, MAX_FRAME_SIZE } from './constants.ts';

/** One unit of the wire (protocol section 2). */
export interface Frame {
  /** Correlation id; 0 is an uncorrelated control message. */
  readonly id: number;
  readonly flags: number;
  /** The envelope: one CBOR map. */
  readonly body: Buffer;
}

/**
 * Writes a frame: length (u32, big-endian), id (u32, big-endian), flags, body.
 *
 * @throws ProtocolError when the frame would be larger than {@link MAX_FRAME_SIZE}.
 */
export function encodeFrame(frame: {
  readonly id: number;
  readonly flags: number;
  readonly body: Uint8Array;
}): Buffer {
  const { id, flags, body } = frame;
  return Buffer.concat([encodeFrameHead({ id, flags, bytes: body.length }), body]);
}

/**
 * Writes what stands in front of a body of `bytes` bytes.
 *
 * @throws ProtocolError when the frame would be larger than {@link MAX_FRAME_SIZE}.
 */
export function encodeFrameHead(frame: {
  readonly id: number;
  readonly flags: number;
  readonly bytes: number;
}): Buffer {
  const size = FRAME_HEADER_SIZE + frame.bytes;
  if (size > MAX_FRAME_SIZE) throw frameTooLarge(size);
  const head = Buffer.allocUnsafe(FRAME_PREFIX_SIZE + FRAME_HEADER_SIZE);
  head.writeUInt32BE(size, 0);
  head.writeUInt32BE(frame.id, 4);
  head.writeUInt8(frame.flags, 8);
  return head;
}

/** The error for a length that no frame may have; what follows it on the stream cannot be trusted. */
export function frameTooLarge(size: number): ProtocolError {
  return new ProtocolError(`frame too large: ${size} bytes (max ${MAX_FRAME_SIZE})`);
}

export function frameTooShort(size: number): ProtocolError {
  return new ProtocolError(`frame payload too short: ${size} bytes (minimum ${FRAME_HEADER_SIZE})`);
}
