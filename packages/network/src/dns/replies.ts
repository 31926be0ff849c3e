import { isIPv4 } from 'node:net';
import { type DnsQuestion, TYPE_A, TYPE_AAAA } from './question.ts';

/** Response codes (RFC 1035 section 4.1.1). */
export const RCODE = { noError: 0, formErr: 1, servFail: 2, nxDomain: 3 } as const;

const FLAG_RESPONSE = 0x8000;
const FLAG_AUTHORITATIVE = 0x0400;
const FLAG_TRUNCATED = 0x0200;
const FLAG_RECURSION_DESIRED = 0x0100;
const FLAG_RECURSION_AVAILABLE = 0x0080;
const MASK_OPCODE = 0x7800;
const CLASS_IN = 1;
/** A name by pointer to the question, which stands right behind the header. */
const POINTER_TO_QUESTION = 0xc00c;

/** A reply of our own without records. */
export function emptyReply(question: DnsQuestion, rcode: number): Buffer {
  return reply(question, rcode, 0, []);
}

/** Tells the client to ask again over TCP. */
export function truncatedReply(question: DnsQuestion): Buffer {
  return reply(question, RCODE.noError, FLAG_TRUNCATED, []);
}

/** An authoritative answer with one address of the question's type. */
export function addressReply(question: DnsQuestion, address: string, ttlSecs: number): Buffer {
  const data = isIPv4(address) ? ipv4Bytes(address) : ipv6Bytes(address);
  const record = Buffer.alloc(12);
  record.writeUInt16BE(POINTER_TO_QUESTION, 0);
  record.writeUInt16BE(isIPv4(address) ? TYPE_A : TYPE_AAAA, 2);
  record.writeUInt16BE(CLASS_IN, 4);
  record.writeUInt32BE(ttlSecs, 6);
  record.writeUInt16BE(data.length, 10);
  return reply(question, RCODE.noError, FLAG_AUTHORITATIVE, [Buffer.concat([record, data])]);
}

/** A reply to a message that does not ask exactly one question. */
export function formatErrorReply(message: Buffer): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(message.readUInt16BE(0), 0);
  header.writeUInt16BE(replyFlags(message.readUInt16BE(2), RCODE.formErr, 0), 2);
  return header;
}

function reply(question: DnsQuestion, rcode: number, extraFlags: number, answers: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(question.id, 0);
  header.writeUInt16BE(replyFlags(question.flags, rcode, extraFlags), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(answers.length, 6);
  return Buffer.concat([header, question.bytes, ...answers]);
}

function replyFlags(queryFlags: number, rcode: number, extra: number): number {
  const kept = queryFlags & (MASK_OPCODE | FLAG_RECURSION_DESIRED);
  return FLAG_RESPONSE | FLAG_RECURSION_AVAILABLE | kept | extra | rcode;
}

function ipv4Bytes(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number));
}

/** The bytes of an IPv6 address; the URL parser writes it out in its one form. */
function ipv6Bytes(address: string): Buffer {
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  const groupsOf = (text: string | undefined): string[] => (text ? text.split(':') : []);
  const front = groupsOf(head);
  const back = groupsOf(tail);
  const zeros = Array.from({ length: 8 - front.length - back.length }, () => '0');
  const bytes = Buffer.alloc(16);
  for (const [index, group] of [...front, ...zeros, ...back].entries()) {
    bytes.writeUInt16BE(Number.parseInt(group, 16), index * 2);
  }
  return bytes;
}
