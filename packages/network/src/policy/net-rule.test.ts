import { describe, expect, it } from 'vitest';
import { formatNetRule } from './format-net-rule.ts';
import { parseNetRule, parseNetRules } from './net-rule.ts';
import type { StoredRule } from './policy.ts';
import { dnsRule } from './presets.ts';

const rule = (values: Partial<StoredRule>): StoredRule => ({
  direction: 'egress',
  destination: 'any',
  protocols: [],
  ports: [],
  action: 'allow',
  ...values,
});

describe('rule tokens', () => {
  it.each<[string, StoredRule]>([
    ['allow@any', rule({})],
    ['deny:any@any', rule({ action: 'deny', direction: 'any' })],
    [
      'allow:ingress@private:tcp:8080',
      rule({
        direction: 'ingress',
        destination: { group: 'private' },
        protocols: ['tcp'],
        ports: [{ start: 8080, end: 8080 }],
      }),
    ],
    ['allow@link-local', rule({ destination: { group: 'link_local' } })],
    ['allow@meta', rule({ destination: { group: 'metadata' } })],
    ['allow@1.2.3.4::80-90', rule({ destination: { cidr: '1.2.3.4/32' }, ports: [{ start: 80, end: 90 }] })],
    ['allow@[fd00::1]:udp', rule({ destination: { cidr: 'fd00::1/128' }, protocols: ['udp'] })],
    ['allow@[fd00::/8]', rule({ destination: { cidr: 'fd00::/8' } })],
    ['deny@10.1.2.3/8', rule({ action: 'deny', destination: { cidr: '10.1.2.3/8' } })],
    ['allow@API.Example.com.', rule({ destination: { domain: 'api.example.com' } })],
    ['allow@domain=localhost', rule({ destination: { domain: 'localhost' } })],
    ['allow@*.example.com', rule({ destination: { domain_suffix: 'example.com' } })],
    ['allow@suffix=.example.com', rule({ destination: { domain_suffix: 'example.com' } })],
    ['allow@1.1.1.1:icmpv4', rule({ destination: { cidr: '1.1.1.1/32' }, protocols: ['icmpv4'] })],
    ['allow@dns', dnsRule()],
    ['deny@dns:tcp', { ...dnsRule('deny'), protocols: ['tcp'] }],
    ['allow@dns::53', dnsRule()],
    ['allow:egress@dns:udp:53', { ...dnsRule(), protocols: ['udp'] }],
  ])('%s', (token, expected) => {
    expect(parseNetRule(token)).toEqual(expected);
  });

  it('stand in lists', () => {
    expect(parseNetRules(' allow@any, ,deny@host,')).toEqual([
      rule({}),
      rule({ action: 'deny', destination: { group: 'host' } }),
    ]);
    expect(parseNetRules('')).toEqual([]);
  });

  it.each([
    [
      'public',
      'rule token `public` is missing `@`; expected `<action>[:<direction>]@<target>[:<proto>[:<ports>]]`',
    ],
    ['alow@any', '`alow` is not a recognized action. Expected `allow` or `deny`. Did you mean `allow`?'],
    ['ALLOW@any', '`ALLOW` is not a recognized action. Expected `allow` or `deny`'],
    [
      'allow:egres@any',
      '`egres` is not a recognized direction. Expected `egress`, `ingress`, or `any`. Did you mean `egress`?',
    ],
    ['allow@', '`` is not a valid target. Expected: any, dns, a group name'],
    [
      'allow@publc',
      '`publc` is ambiguous (looks like a single-label hostname or a typoed keyword). Use `domain=publc` to target a literal hostname. Did you mean `public`?',
    ],
    ['allow@com', '`com` is ambiguous'],
    [
      'allow@*.com',
      'invalid domain `com`: suffix `com` is a single DNS label and would match every domain under that TLD',
    ],
    ['allow@a..b', 'invalid domain `a..b`: invalid domain name'],
    ['allow@10.0.0.0/33', 'invalid CIDR `10.0.0.0/33`'],
    ['allow@1.2.3', 'invalid IP address `1.2.3`'],
    [
      'allow@any:tcpp',
      '`tcpp` is not a recognized protocol. Expected `any`, `tcp`, `udp`, `icmpv4`, or `icmpv6`. Did you mean `tcp`?',
    ],
    [
      'allow@host:443',
      "`443` is a port, not a protocol; did you mean `host:tcp:443`? port numbers don't belong in the target",
    ],
    ['allow@any:tcp:http', '`http` is not a valid ports value. Expected `any`, `<port>`, or `<lo>-<hi>`'],
    ['allow@any:tcp:70000', '`70000` is not a valid ports value'],
    ['allow@any:tcp:2-1', 'invalid port range 2..1; lo must be <= hi'],
    [
      'allow:ingress@any:icmpv4',
      'ingress and any-direction rules do not support ICMP; only TCP (and UDP when UDP publishing lands)',
    ],
    [
      'allow@fd00::1:tcp:80',
      'rule token `allow@fd00::1:tcp:80` has trailing fields after `<ports>`; if this is an IPv6 address, wrap it as `[<addr>]`',
    ],
    [
      'allow@[fd00::1',
      'unclosed `[` in rule token `allow@[fd00::1`; IPv6 addresses must be wrapped as `[<addr>]`',
    ],
    [
      'allow@[fd00::1]x',
      'rule token `allow@[fd00::1]x` has unexpected content after `]`; expected `:<proto>` or end of token',
    ],
    ['allow@[1.2.3.4]', '`1.2.3.4` is not an IPv6 address or CIDR; only IPv6 forms belong inside `[...]`'],
    [
      'allow:ingress@dns',
      'the `dns` target only supports egress rules; omit the direction or use `allow:egress@dns`/`deny:egress@dns`',
    ],
    ['allow@dns:icmpv4', 'the `dns` target supports `tcp`, `udp`, or `any`, not `icmpv4`'],
    ['allow@dns:udp:54', 'the `dns` target is fixed to port 53; omit the port or use `53`/`any`'],
  ])('%s is none', (token, message) => {
    expect(() => parseNetRule(token)).toThrow(message);
  });

  it('are written as they are read', () => {
    for (const token of [
      'allow@any',
      'deny:ingress@private:tcp:8080',
      'allow@1.2.3.4:tcp:80-90',
      'allow@[fd00::1]:udp',
      'allow@[fd00::/8]',
      'deny@10.1.2.3/8',
      'allow@domain=localhost',
      'allow@suffix=example.com:tcp:443',
      'allow:any@link-local',
      'allow@meta:any:80',
    ]) {
      expect(formatNetRule(parseNetRule(token))).toEqual([token]);
    }
    expect(formatNetRule(dnsRule())).toEqual(['allow@host:udp:53', 'allow@host:tcp:53']);
    const [first = '', second = ''] = formatNetRule(dnsRule());
    expect(parseNetRule(first).protocols.concat(parseNetRule(second).protocols)).toEqual(['udp', 'tcp']);
  });
});
