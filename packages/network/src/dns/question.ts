import { hostNameOf, MAX_NAME_BYTES } from './host-name.ts';

/** Types of records that matter here. */
export const TYPE_A = 1;
export const TYPE_AAAA = 28;

/** Bytes of a message before its sections (RFC 1035 section 4.1.1). */
export const HEADER_BYTES = 12;
/** What a client takes that does not say otherwise (RFC 1035 section 4.2.1). */
const DEFAULT_UDP_BYTES = 512;
const TYPE_OPT = 41;

/** What a query asks; its bytes are kept, so that replies repeat the question exactly. */
export interface DnsQuestion {
  readonly id: number;
  /** Second and third byte of the header. */
  readonly flags: number;
  /** Lower case, without a dot at the end; null when it is no name of a host (dots or other bytes inside a label). */
  readonly name: string | null;
  readonly type: number;
  /** The question section. */
  readonly bytes: Buffer;
  /** Largest UDP response that the client takes, in bytes. */
  readonly udpBytes: number;
}

/**
 * Reads a query. Null when it is none; `count` when it does not ask exactly one question, which has an answer of its
 * own. Written by hand, because policies need to know where labels end: `a.b` as one label is not the name `a.b`.
 */
export function readQuestion(message: Buffer): DnsQuestion | 'count' | null {
  if (message.length < HEADER_BYTES) return null;
  const flags = message.readUInt16BE(2);
  const isResponse = (flags & 0x8000) !== 0;
  if (isResponse) return null;
  if (message.readUInt16BE(4) !== 1) return 'count';
  const labels: string[] = [];
  let offset = HEADER_BYTES;
  for (;;) {
    const length = message[offset];
    if (length === undefined || length > 63 || offset - HEADER_BYTES > MAX_NAME_BYTES) return null;
    offset += 1;
    if (length === 0) break;
    if (offset + length > message.length) return null;
    labels.push(message.toString('latin1', offset, offset + length));
    offset += length;
  }
  if (offset + 4 > message.length) return null;
  return {
    id: message.readUInt16BE(0),
    flags,
    // The root is no host.
    name: hostNameOf(labels) || null,
    type: message.readUInt16BE(offset),
    bytes: message.subarray(HEADER_BYTES, offset + 4),
    udpBytes: udpBytes(message, offset + 4),
  };
}

/** Size in the OPT record (RFC 6891), which clients put first behind the question. */
function udpBytes(message: Buffer, offset: number): number {
  const answers = message.readUInt16BE(6) + message.readUInt16BE(8);
  const isOpt =
    answers === 0 &&
    message.readUInt16BE(10) > 0 &&
    message[offset] === 0 &&
    offset + 5 <= message.length &&
    message.readUInt16BE(offset + 1) === TYPE_OPT;
  return isOpt ? Math.max(DEFAULT_UDP_BYTES, message.readUInt16BE(offset + 3)) : DEFAULT_UDP_BYTES;
}
