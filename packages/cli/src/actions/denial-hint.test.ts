import type { NetworkEvent } from 'microsandbox';
import { describe, expect, it } from 'vitest';
import { parseDestination } from '../values/destination.ts';
import { denialHint } from './denial-hint.ts';

const EVENT: NetworkEvent = {
  at: new Date(0),
  action: 'deny',
  direction: 'egress',
  protocol: 'tcp',
  address: '93.184.216.34',
  port: 443,
  hostname: 'example.com',
  decidedBy: 'default',
  rule: null,
  allowRule: 'allow@example.com:tcp:443',
  count: 1,
  first: true,
};

describe('the hint about denials', () => {
  it('counts, names and offers a rule', () => {
    expect(denialHint([])).toBeNull();
    expect(denialHint([EVENT, { ...EVENT, count: 2, first: false }])).toBe(
      "3 connections were denied: example.com (93.184.216.34:443/tcp); allow it with --net-rule 'allow@example.com:tcp:443'",
    );
  });

  it('names a few, without what a terminal would obey', () => {
    const many = [1, 2, 3, 4, 5].map((number) => ({
      ...EVENT,
      hostname: `h${number}\u001b[2J`,
      allowRule: `allow@h${number}.x`,
    }));
    expect(denialHint(many)).toBe(
      '5 connections were denied: h1\ufffd[2J (93.184.216.34:443/tcp), h2\ufffd[2J (93.184.216.34:443/tcp), ' +
        "h3\ufffd[2J (93.184.216.34:443/tcp) and 2 more; allow them with --net-rule 'allow@h1.x,allow@h2.x,allow@h3.x'",
    );
  });

  it('offers nothing where no rule would help', () => {
    expect(denialHint([{ ...EVENT, hostname: null, allowRule: null, decidedBy: 'limit' }])).toBe(
      '1 connection was denied: 93.184.216.34:443/tcp',
    );
  });
});

describe('a destination', () => {
  it.each([
    ['Example.com', { host: 'example.com', port: 443, protocol: 'tcp' }],
    ['1.2.3.4:53/udp', { host: '1.2.3.4', port: 53, protocol: 'udp' }],
    ['[2001:db8::1]:80', { host: '2001:db8::1', port: 80, protocol: 'tcp' }],
    ['2001:db8::1', { host: '2001:db8::1', port: 443, protocol: 'tcp' }],
    ['1.2.3.4/icmp', { host: '1.2.3.4', port: null, protocol: 'icmp' }],
  ])('%s', (text, expected) => expect(parseDestination(text)).toEqual(expected));

  it.each(['', ':80', 'a:b', 'a:1/sctp', '[a]:1', 'a:70000'])('%j is none', (text) =>
    expect(() => parseDestination(text)).toThrow(),
  );
});
