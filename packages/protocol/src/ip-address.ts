import { isIPv4, isIPv6 } from 'node:net';
import { ProtocolError } from '@microsandbox/types';

/**
 * An address as CBOR has it: its bytes as an array of 4 or 16 integers (protocol section 3).
 *
 * @throws ProtocolError when `text` is no IPv4 or IPv6 address.
 */
export function ipAddressToBytes(text: string): number[] {
  if (isIPv4(text)) return text.split('.').map(Number);
  if (isIPv6(text) && !text.includes('%')) return ipv6ToBytes(text);
  throw new ProtocolError(`cbor encode error: not an IP address: ${text}`);
}

/** The text of an address given as 4 or 16 bytes; IPv6 in its shortest form. */
export function ipAddressFromBytes(bytes: readonly number[]): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0)).toString(16));
  return canonicalIpv6(groups.join(':'));
}

function ipv6ToBytes(text: string): number[] {
  const [head = '', tail] = canonicalIpv6(text).split('::');
  const front = hexGroups(head);
  const back = tail === undefined ? [] : hexGroups(tail);
  const zeros = new Array<number>(8 - front.length - back.length).fill(0);
  return [...front, ...zeros, ...back].flatMap((group) => [group >> 8, group & 0xff]);
}

function hexGroups(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}

/** The URL parser writes every IPv6 address in its shortest form, without an embedded dotted quad. */
function canonicalIpv6(text: string): string {
  return new URL(`http://[${text}]/`).hostname.slice(1, -1);
}
