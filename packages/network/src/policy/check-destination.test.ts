import { addon } from '@microsandbox/native';
import { describe, expect, it } from 'vitest';
import { checkDestination } from './check-destination.ts';
import { learnRules } from './learn-rules.ts';
import { closedPolicy, defaultPolicy } from './presets.ts';

const FAMILY = { guest: '172.16.0.2', gateway: '172.16.0.1', prefixLength: 30 };

const check = (host: string, protocol: 'tcp' | 'icmp' = 'tcp', policy = defaultPolicy()) =>
  checkDestination({
    natives: addon(),
    policy,
    addresses: { ipv4: FAMILY, ipv6: null },
    destination: { host, port: protocol === 'icmp' ? null : 443, protocol },
    lookup: async (name) => (name === 'inside.example.com' ? ['10.0.0.9'] : ['93.184.216.34']),
  });

describe('a destination', () => {
  it('is judged as the stack judges it, the look-up of its name first', async () => {
    expect(await check('example.com')).toEqual([
      {
        step: 'dns',
        address: null,
        protocol: 'udp',
        port: 53,
        action: 'allow',
        decidedBy: 'rule',
        rule: 'allow@host:udp:53,allow@host:tcp:53',
        allowRule: null,
      },
      expect.objectContaining({ step: 'connection', address: '93.184.216.34', rule: 'allow@public' }),
    ]);
    expect(await check('inside.example.com')).toContainEqual(
      expect.objectContaining({ address: '10.0.0.9', action: 'deny', decidedBy: 'default' }),
    );
  });

  it('may be the host, an address, or an echo', async () => {
    expect((await check('host.microsandbox.internal')).at(-1)).toMatchObject({
      address: '172.16.0.1',
      action: 'deny',
    });
    expect(await check('10.0.0.9')).toEqual([
      expect.objectContaining({ action: 'deny', allowRule: 'allow@10.0.0.9:tcp:443' }),
    ]);
    expect(await check('1.1.1.1', 'icmp')).toEqual([
      expect.objectContaining({ protocol: 'icmpv4', port: null, action: 'allow' }),
    ]);
    expect((await check('example.com', 'tcp', closedPolicy())).every(({ action }) => action === 'deny')).toBe(
      true,
    );
  });
});

describe('what a run tried', () => {
  it('becomes rules, each once, by name where there is one', () => {
    const tried = {
      direction: 'egress',
      protocol: 'tcp',
      address: '1.2.3.4',
      port: 443,
      hostname: 'a.com',
    } as const;
    expect(
      learnRules([
        { ...tried, direction: 'dns', protocol: 'udp', address: null, port: 53 },
        tried,
        tried,
        { ...tried, hostname: null },
        { ...tried, address: '2001:db8::1', hostname: null, port: 80 },
        { ...tried, protocol: 'icmpv4', port: null, hostname: null },
        { ...tried, direction: 'ingress', port: 8080 },
      ]),
    ).toEqual([
      'allow@dns',
      'allow@a.com:tcp:443',
      'allow@1.2.3.4:tcp:443',
      'allow@[2001:db8::1]:tcp:80',
      'allow@1.2.3.4:icmpv4',
      'allow:ingress@1.2.3.4:tcp:8080',
    ]);
  });
});
