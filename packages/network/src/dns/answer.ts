import type { HostnameInsert } from '@microsandbox/native';
import { decode } from 'dns-packet';
import { type DnsQuestion, TYPE_A, TYPE_AAAA } from './question.ts';

/** A record of the answer section, as far as it matters. */
type AnswerRecord =
  | {
      readonly kind: 'address';
      readonly owner: string;
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

/** Reads a response; null when it cannot be read. */
export function readAnswer(response: Buffer): DnsAnswer | null {
  try {
    const { rcode, answers = [] } = decode(response) as ReturnType<typeof decode> & { rcode?: string };
    const records = answers.flatMap((answer): AnswerRecord[] => {
      const owner = canonical(answer.name);
      switch (answer.type) {
        case 'A':
          return [{ kind: 'address', owner, address: answer.data, family: 4, ttl: answer.ttl ?? 0 }];
        case 'AAAA':
          return [{ kind: 'address', owner, address: answer.data, family: 6, ttl: answer.ttl ?? 0 }];
        case 'CNAME':
          return [{ kind: 'alias', owner, target: canonical(answer.data), ttl: answer.ttl ?? 0 }];
        default:
          return [];
      }
    });
    return { isSuccess: rcode === 'NOERROR', records };
  } catch {
    return null;
  }
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
    const lives = owners.get(record.owner);
    if (record.kind !== 'address' || record.family !== family || lives === undefined) continue;
    addresses.add(record.address);
    ttl = Math.min(ttl, lives, record.ttl);
  }
  return { name, family, addresses: [...addresses], ttl: Number.isFinite(ttl) ? Math.max(1, ttl) : 0 };
}

function canonical(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}
