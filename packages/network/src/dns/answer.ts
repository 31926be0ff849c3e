import { SocketAddress } from 'node:net';
import type { HostnameInsert } from '@microsandbox/native';
import { type DnsQuestion, TYPE_A, TYPE_AAAA } from './question.ts';
import { type ResourceRecord, readRecords } from './read-records.ts';
import { RCODE } from './replies.ts';

/** A record of the answer section, as far as it matters. */
type AnswerRecord =
  | {
      readonly kind: 'address';
      /** Null when it is no name of a host. */
      readonly owner: string | null;
      readonly address: string;
      readonly family: 4 | 6;
      readonly ttl: number;
    }
  | { readonly kind: 'alias'; readonly owner: string; readonly target: string; readonly ttl: number };

/** What a response says. */
export interface DnsAnswer {
  readonly isSuccess: boolean;
  readonly records: readonly AnswerRecord[];
}

const TYPE_CNAME = 5;
const RCODE_MASK = 0x0f;

/** Reads a response; null when it cannot be read. */
export function readAnswer(response: Buffer): DnsAnswer | null {
  try {
    const records = readRecords(response).flatMap((record) => usefulRecord(record) ?? []);
    return { isSuccess: (response.readUInt8(3) & RCODE_MASK) === RCODE.noError, records };
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** @throws RangeError for an address that is longer or shorter than one */
function usefulRecord({ owner, type, ttl, data, target }: ResourceRecord): AnswerRecord | null {
  switch (type) {
    case TYPE_A:
      return { kind: 'address', owner, address: ipv4(data), family: 4, ttl };
    case TYPE_AAAA:
      return { kind: 'address', owner, address: ipv6(data), family: 6, ttl };
    case TYPE_CNAME: {
      const alias = target();
      return alias === null || owner === null ? null : { kind: 'alias', owner, target: alias, ttl };
    }
    default:
      return null;
  }
}

function ipv4(data: Buffer): string {
  if (data.length !== 4) throw new RangeError('an IPv4 address of another length');
  return data.join('.');
}

/** In the form of RFC 5952. */
function ipv6(data: Buffer): string {
  if (data.length !== 16) throw new RangeError('an IPv6 address of another length');
  const groups = Array.from({ length: 8 }, (_, index) => data.readUInt16BE(index * 2).toString(16));
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}

/** Every address in the answer section, whoever owns it. */
export function addressesOf(answer: DnsAnswer): string[] {
  return answer.records.flatMap((record) => (record.kind === 'address' ? [record.address] : []));
}

/**
 * What an answer says about the name that was asked for (spec: network 12.8): the addresses that belong to it or to a
 * name that it is an alias of, for as long as the record that lives shortest. Null for questions that are not about
 * addresses.
 */
export function insertOf({ name, type }: DnsQuestion, answer: DnsAnswer | null): HostnameInsert | null {
  const family = type === TYPE_A ? 4 : type === TYPE_AAAA ? 6 : null;
  if (family === null || name === null) return null;
  if (answer === null || !answer.isSuccess) return { name, family, addresses: [], ttl: 0 };
  const owners = new Map([[name, Number.POSITIVE_INFINITY]]);
  // Aliases may stand in any order; each pass finds one more link of the chain at least.
  for (let grown = true; grown; ) {
    grown = false;
    for (const record of answer.records) {
      if (record.kind !== 'alias' || owners.has(record.target)) continue;
      const lives = owners.get(record.owner);
      if (lives === undefined) continue;
      owners.set(record.target, Math.min(lives, record.ttl));
      grown = true;
    }
  }
  const addresses = new Set<string>();
  let ttl = Number.POSITIVE_INFINITY;
  for (const record of answer.records) {
    if (record.kind !== 'address' || record.owner === null) continue;
    const lives = owners.get(record.owner);
    if (record.family !== family || lives === undefined) continue;
    addresses.add(record.address);
    ttl = Math.min(ttl, lives, record.ttl);
  }
  return { name, family, addresses: [...addresses], ttl: Number.isFinite(ttl) ? Math.max(1, ttl) : 0 };
}
