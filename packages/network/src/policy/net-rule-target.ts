import { CustomError } from '@microsandbox/types';
import { cidrOfAddress, parseCidr } from './cidr.ts';
import { normalizeDomain, normalizeSuffix } from './domain-name.ts';
import type { TargetText } from './net-rule.ts';
import type { DestinationGroup, StoredDestination } from './policy.ts';
import { suggestKeyword } from './suggest-keyword.ts';

/** Groups as people write them. */
const GROUP_WORDS: ReadonlyMap<string, DestinationGroup> = new Map([
  ['public', 'public'],
  ['private', 'private'],
  ['loopback', 'loopback'],
  ['link-local', 'link_local'],
  ['meta', 'metadata'],
  ['multicast', 'multicast'],
  ['host', 'host'],
]);

const KEYWORDS = ['any', 'dns', ...GROUP_WORDS.keys()];

/** The word for a group in a rule token. */
export function groupWord(group: DestinationGroup): string {
  for (const [word, stored] of GROUP_WORDS) if (stored === group) return word;
  throw new RangeError(`no word for group ${group}`);
}

/** What a target of a rule token stands for (spec: network 19.2). @throws CustomError */
export function parseTarget({ text, bracketed }: TargetText): StoredDestination {
  if (bracketed) return parseBracketed(text);
  if (text === '') {
    throw new CustomError(
      '`` is not a valid target. Expected: any, dns, a group name (public, private, loopback, link-local, ' +
        'meta, multicast, host), an IP, a CIDR, a domain (with dot), domain=<name>, or suffix=<domain>',
    );
  }
  if (text === 'any') return 'any';
  const group = GROUP_WORDS.get(text);
  if (group !== undefined) return { group };
  if (text.startsWith('*.')) return { domain_suffix: named(normalizeSuffix, text.slice('*.'.length)) };
  if (text.startsWith('suffix=')) {
    return { domain_suffix: named(normalizeSuffix, text.slice('suffix='.length)) };
  }
  if (text.startsWith('domain=')) return { domain: named(normalizeDomain, text.slice('domain='.length)) };
  if (text.includes('/')) {
    if (parseCidr(text) === null) throw new CustomError(`invalid CIDR \`${text}\``);
    return { cidr: text };
  }
  const cidr = cidrOfAddress(text);
  if (cidr !== null) return { cidr };
  if (/^[\d.]+$/.test(text)) throw new CustomError(`invalid IP address \`${text}\``);
  if (text.includes('.')) return { domain: named(normalizeDomain, text) };
  throw new CustomError(
    `\`${text}\` is ambiguous (looks like a single-label hostname or a typoed keyword). ` +
      `Use \`domain=${text}\` to target a literal hostname${suggestKeyword(text, KEYWORDS)}`,
  );
}

function parseBracketed(text: string): StoredDestination {
  const cidr = text.includes('/') ? text : (cidrOfAddress(text) ?? '');
  if (parseCidr(cidr)?.family === 6) return { cidr };
  throw new CustomError(
    `\`${text}\` is not an IPv6 address or CIDR; only IPv6 forms belong inside \`[...]\``,
  );
}

function named(normalize: (text: string) => string, text: string): string {
  try {
    return normalize(text);
  } catch (error) {
    throw new CustomError(`invalid domain \`${text}\`: ${(error as Error).message}`);
  }
}
