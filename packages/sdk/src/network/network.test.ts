import { InvalidConfigError } from '@microsandbox/types';
import { describe, expect, it } from 'vitest';
import { SandboxBuilder } from '../builders/sandbox-builder.ts';
import { InterfaceOverridesBuilder } from './interface-overrides-builder.ts';
import { NetworkBuilder } from './network-builder.ts';
import { NetworkPolicyBuilder } from './network-policy-builder.ts';
import { Destination, NetworkPolicy, PortRange, Rule } from './policy-values.ts';
import { SecretBuilder } from './secret-builder.ts';

const dns = {
  direction: 'egress',
  destination: { kind: 'group', group: 'host' },
  protocols: ['udp', 'tcp'],
  ports: [{ start: 53, end: 53 }],
  action: 'allow',
};

describe('policy: profiles', () => {
  it('none / allowAll', () => {
    expect(NetworkPolicy.none()).toEqual({ defaultEgress: 'deny', defaultIngress: 'deny', rules: [] });
    expect(NetworkPolicy.allowAll()).toEqual({ defaultEgress: 'allow', defaultIngress: 'allow', rules: [] });
  });

  it('public', () => {
    expect(NetworkPolicy.fromProfiles(['public'])).toEqual({
      defaultEgress: 'deny',
      defaultIngress: 'allow',
      rules: [dns, Rule.allowEgress(Destination.group('public'))],
    });
  });

  it('dedupe + order', () => {
    const { rules } = NetworkPolicy.fromProfiles(['host', 'private', 'public', 'host']);
    expect(rules.map(({ destination }) => 'group' in destination && destination.group)).toEqual([
      'host',
      'public',
      'private',
      'host',
    ]);
    expect(rules[0]).toEqual(dns);
  });

  it('empty', () => {
    expect(NetworkPolicy.fromProfiles([])).toEqual({
      defaultEgress: 'deny',
      defaultIngress: 'allow',
      rules: [],
    });
  });

  it('unknown', () => {
    const act = () => NetworkPolicy.fromProfiles(['bogus' as 'public']);
    expect(act).toThrow(RangeError);
    expect(act).toThrow('unknown network profile: bogus');
  });
});

describe('policy: Rule, Destination, PortRange', () => {
  it('rules', () => {
    expect(Rule.allowEgress(Destination.any())).toEqual({
      direction: 'egress',
      destination: { kind: 'any' },
      protocols: [],
      ports: [],
      action: 'allow',
    });
    expect(Rule.denyAny(Destination.any())).toMatchObject({ direction: 'any', action: 'deny' });
    expect(Rule.allowDns()).toEqual(dns);
    expect(Rule.denyDns()).toEqual({ ...dns, action: 'deny' });
  });

  it('destinations', () => {
    expect(Destination.cidr('10.0.0.0/8')).toEqual({ kind: 'cidr', cidr: '10.0.0.0/8' });
    expect(Destination.domain('a.com')).toEqual({ kind: 'domain', domain: 'a.com' });
    expect(Destination.domainSuffix('a.com')).toEqual({ kind: 'domainSuffix', suffix: 'a.com' });
  });

  it('port ranges', () => {
    expect(PortRange.single(5)).toEqual({ start: 5, end: 5 });
    expect(PortRange.range(1, 2)).toEqual({ start: 1, end: 2 });
  });
});

describe('policy: NetworkPolicyBuilder', () => {
  it('empty builder', () => {
    expect(new NetworkPolicyBuilder().build()).toEqual({
      defaultEgress: 'deny',
      defaultIngress: 'allow',
      rules: [],
    });
    expect(NetworkPolicy.builder()).toBeInstanceOf(NetworkPolicyBuilder);
  });

  it('defaultDeny + defaultIngress("allow")', () => {
    const policy = new NetworkPolicyBuilder().defaultDeny().defaultIngress('allow').build();
    expect(policy).toMatchObject({ defaultEgress: 'deny', defaultIngress: 'allow' });
    expect(() => new NetworkPolicyBuilder().defaultEgress('maybe' as 'deny')).toThrow(
      'unknown action `maybe` (expected allow | deny)',
    );
  });

  it('shared state', () => {
    const { rules } = new NetworkPolicyBuilder()
      .egress((r) => r.tcp().tcp().port(443).port(443).allowPublic().allowPrivate())
      .build();
    expect(rules).toHaveLength(2);
    for (const rule of rules) {
      expect(rule).toMatchObject({ protocols: ['tcp'], ports: [{ start: 443, end: 443 }] });
    }
  });

  it('destinations', () => {
    const build = (configure: Parameters<NetworkPolicyBuilder['any']>[0]) =>
      new NetworkPolicyBuilder().any(configure).build().rules;
    expect(build((a) => a.deny((d) => d.ip('198.51.100.5')))).toEqual([
      {
        direction: 'any',
        destination: { kind: 'cidr', cidr: '198.51.100.5/32' },
        protocols: [],
        ports: [],
        action: 'deny',
      },
    ]);
    expect(build((a) => a.allow((d) => d))).toEqual([]);
    expect(build((a) => a.allow((d) => d.any().domain('.A.com.')))[0]?.destination).toEqual({
      kind: 'domain',
      domain: 'a.com',
    });
    expect(build((a) => a.allowLocal()).map(({ destination }) => destination)).toEqual([
      { kind: 'group', group: 'loopback' },
      { kind: 'group', group: 'link-local' },
      { kind: 'group', group: 'host' },
    ]);
    expect(build((a) => a.denyDomains(['a.com', 'b.com']).allowDomainSuffixes(['c.com']))).toHaveLength(3);
  });

  it.each<[string, Parameters<NetworkPolicyBuilder['rule']>[0]]>([
    ['rule #0: invalid IP address `1.2.3`', (r) => r.egress().allow((d) => d.ip('1.2.3'))],
    ['rule #0: invalid CIDR `10/8`', (r) => r.egress().allow((d) => d.cidr('10/8'))],
    [
      'rule #1: invalid domain `a b`: invalid domain name',
      (r) => r.egress().allowPublic().allowDomain('a b'),
    ],
    [
      'rule #0: invalid domain `com`: suffix `com` is a single DNS label',
      (r) => r.egress().denyDomainSuffix('com'),
    ],
    ['rule #0: invalid port range 443..80; lo must be <= hi', (r) => r.portRange(443, 80).allowPublic()],
    ['rule #0: direction not set; call .egress(), .ingress(), or .any()', (r) => r.allowPublic()],
    ['rule #0: ICMP protocols are egress-only', (r) => r.ingress().icmpv4().allowPublic()],
  ])('%s', (message, configure) => {
    expect(() => new NetworkPolicyBuilder().rule(configure).build()).toThrow(message);
  });

  it('is an input of NetworkBuilder.policy, as what it builds is', () => {
    const builder = new NetworkPolicyBuilder().egress((r) => r.allowLinkLocal());
    for (const policy of [builder, builder.build()]) {
      expect(new NetworkBuilder().policy(policy).build().policy.rules[0]?.destination).toEqual({
        group: 'link_local',
      });
    }
    const wrong = { ...NetworkPolicy.none(), defaultEgress: 'maybe' as 'deny' };
    expect(() => new NetworkBuilder().policy(wrong)).toThrow('default_egress: `maybe`');
  });
});

describe('builders: InterfaceOverridesBuilder', () => {
  it('accepts mtu/ipv4/ipv6/mac', () => {
    const builder = new InterfaceOverridesBuilder()
      .mtu(9000)
      .ipv4('172.31.240.2')
      .ipv6('fd7a::2')
      .mac('02-00-00-00-00-0a');
    expect(builder).toBeInstanceOf(InterfaceOverridesBuilder);
    expect(new NetworkBuilder().interface(() => builder).build().interface.mac).toEqual([2, 0, 0, 0, 0, 10]);
  });

  it('refuses what is none', () => {
    expect(() => new InterfaceOverridesBuilder().mtu(70_000)).toThrow('mtu out of range');
    const network = () => new NetworkBuilder();
    expect(() => network().interface((i) => i.ipv4('1.2.3'))).toThrow('invalid IPv4 address `1.2.3`');
    expect(() => network().interface((i) => i.ipv6('1.2.3.4'))).toThrow('invalid IPv6 address');
    expect(() => network().interface((i) => i.mac('nope'))).toThrow('invalid MAC address `nope`');
  });

  it('valid overrides', () => {
    const { interface: overrides } = new NetworkBuilder()
      .interface((i) => i.mtu(9000).ipv4('172.31.240.2'))
      .ipv4Pool('172.31.240.0/24')
      .ipv6Pool('fd7a:115c:a1e0:100::/56')
      .build();
    expect(overrides).toEqual({
      mac: null,
      mtu: 9000,
      ipv4Address: '172.31.240.2',
      ipv4Pool: '172.31.240.0/24',
      ipv6Address: null,
      ipv6Pool: 'fd7a:115c:a1e0:100::/56',
    });
    expect(() => new NetworkBuilder().ipv4Pool('x')).toThrow('invalid IPv4 pool `x`');
    expect(() => new NetworkBuilder().ipv4Pool('10.0.0.0/31').build()).toThrow(
      'invalid IPv4 pool `10.0.0.0/31`: prefix must be /30 or shorter',
    );
  });
});

describe('builders: secrets', () => {
  it('have defaults', () => {
    const { secrets } = new NetworkBuilder().secretEnv('KEY', 'v', undefined, 'a.com').build();
    expect(secrets).toEqual({
      secrets: [
        {
          envVar: 'KEY',
          value: 'v',
          placeholder: '$MSB_KEY',
          allowedHosts: [{ exact: 'a.com' }],
          injection: { headers: true, basicAuth: true, queryParams: false, body: false },
          requireTlsIdentity: true,
        },
      ],
      onViolation: 'block-and-log',
    });
  });

  it('passthrough', () => {
    const config = new NetworkBuilder()
      .onSecretViolation((v) =>
        v
          .blockAndTerminate()
          .passthroughHost('api.anthropic.com')
          .passthroughHostPattern('*.anthropic.com')
          .passthroughAllHosts(false),
      )
      .build();
    expect(config.secrets.onViolation).toEqual({
      passthrough: [{ exact: 'api.anthropic.com' }, { wildcard: '*.anthropic.com' }],
    });
    const secret = new SecretBuilder()
      .env('K')
      .value('v')
      .allowHost('api.github.com')
      .onViolation((v) => v.passthroughAllHosts(true).block());
    expect(secret.build().allowedHosts).toEqual(['api.github.com']);
    expect(secret.take().on_violation).toBe('block');
  });

  it.each<[string, (secret: SecretBuilder) => SecretBuilder]>([
    ['SecretBuilder: .env() is required', (s) => s.value('topsecret').allowHost('h')],
    ['SecretBuilder: exactly one of .value() or .source() is required', (s) => s.env('K').allowHost('h')],
    ['SecretBuilder: at least one allowed host is required', (s) => s.env('K').value('topsecret')],
    [
      'SecretBuilder: placeholder must not be empty',
      (s) => s.env('K').value('topsecret').allowHost('h').placeholder(''),
    ],
  ])('%s', (message, configure) => {
    expect(() => new NetworkBuilder().secret(configure)).toThrow(message);
    expect(() => new NetworkBuilder().secret(configure)).not.toThrow('topsecret');
  });

  it('of the sandbox switch TLS interception on, those of the network do not', async () => {
    const ofSandbox = await new SandboxBuilder('x').image('alpine').secretEnv('K', 'v', 'h').build();
    expect(ofSandbox['network']).toMatchObject({ tls: { enabled: true } });
    const ofNetwork = await new SandboxBuilder('x')
      .image('alpine')
      .network((n) => n.secretEnv('K', 'v', '$X', 'h'))
      .build();
    expect(ofNetwork['network']).not.toHaveProperty('tls');
  });
});

describe('builders: ports', () => {
  it('bind addresses', () => {
    const { ports } = new NetworkBuilder()
      .port(8080, 80)
      .portBind('0.0.0.0', 8081, 81)
      .portUdpBind('::', 5353, 53)
      .build();
    expect(ports).toEqual([
      { hostPort: 8080, guestPort: 80, protocol: 'tcp', hostBind: '127.0.0.1' },
      { hostPort: 8081, guestPort: 81, protocol: 'tcp', hostBind: '0.0.0.0' },
      { hostPort: 5353, guestPort: 53, protocol: 'udp', hostBind: '::' },
    ]);
    expect(() => new NetworkBuilder().port(70_000, 1)).toThrow('host port out of range');
    expect(() => new NetworkBuilder().portBind('here', 1, 1)).toThrow('invalid bind address: here');
  });
});

describe('builders: rate limiters', () => {
  it('values', () => {
    const { rateLimiter } = new NetworkBuilder()
      .rateLimiter((l) =>
        l
          .egress((e) => e.bandwidth(1_048_576, 1000).bandwidthBurst(524_288).ops(10, 100))
          .ingress((i) => i.ops(5, 50)),
      )
      .build();
    expect(rateLimiter).toEqual({
      egress: {
        bandwidth: { size: 1_048_576, refillTimeMs: 1000, oneTimeBurst: 524_288 },
        ops: { size: 10, refillTimeMs: 100, oneTimeBurst: 0 },
      },
      ingress: { ops: { size: 5, refillTimeMs: 50, oneTimeBurst: 0 } },
    });
  });

  it('default', () => {
    expect(new NetworkBuilder().build().rateLimiter).toBeNull();
  });

  it('burst without bucket', () => {
    expect(() => new NetworkBuilder().rateLimiter((l) => l.egress((e) => e.bandwidthBurst(1)))).toThrow(
      'egress rate limiter: bandwidth_burst requires the bandwidth bucket',
    );
  });

  it('fractional / negative', () => {
    for (const value of [1.5, -1, Number.NaN]) {
      expect(() => new NetworkBuilder().rateLimiter((l) => l.egress((e) => e.ops(value, 1)))).toThrow(
        'count must be a non-negative integer',
      );
    }
  });

  it('that limit nothing or everything', () => {
    const problem = (configure: Parameters<NetworkBuilder['rateLimiter']>[0]) => () =>
      new NetworkBuilder().rateLimiter(configure).build();
    expect(problem((l) => l)).toThrow('rate limiter must configure at least one of egress or ingress');
    expect(problem((l) => l.ingress((i) => i))).toThrow('at least one of bandwidth or ops');
    expect(problem((l) => l.egress((e) => e.ops(0, 1)))).toThrow(
      'ops bucket: size must be greater than zero',
    );
  });
});

describe('builders: the whole network', () => {
  it('fails when it is built', () => {
    expect(() => new NetworkBuilder().maxConnections(5000).build()).toThrow(InvalidConfigError);
    expect(() => new NetworkBuilder().maxConnections(5000).build()).toThrow(
      'network builder: max_connections 5000 exceeds hard limit 4096',
    );
    expect(() => new NetworkBuilder().tls((t) => t.interceptCaCert('/c')).build()).toThrow(
      'network builder: intercept CA config is incomplete; set both cert_path and key_path',
    );
    expect(() => new NetworkBuilder().dns((d) => d.nameservers(['a b']))).toThrow('invalid nameserver "a b"');
  });

  it('of a sandbox replaces what was said before, and grows by what comes after', async () => {
    const { network } = await new SandboxBuilder('x')
      .image('alpine')
      .port(1, 1)
      .secretEnv('OLD', 'v', 'h')
      .network((n) => n.dns((d) => d.nameservers(['1.1.1.1'])).port(2, 2))
      .port(3, 3)
      .build();
    expect(network).toEqual({
      enabled: true,
      ports: [
        { hostPort: 2, guestPort: 2, protocol: 'tcp', hostBind: '127.0.0.1' },
        { hostPort: 3, guestPort: 3, protocol: 'tcp', hostBind: '127.0.0.1' },
      ],
      dns: { rebindProtection: true, nameservers: ['1.1.1.1:53'], queryTimeoutMs: 5000 },
      maxConnections: null,
      trustHostCas: false,
    });
  });

  it('is reported with the other mistakes of a sandbox', async () => {
    const builder = new SandboxBuilder('x').image('alpine').network((n) => n.maxConnections(5000));
    await expect(builder.build()).rejects.toThrow('network builder: max_connections 5000');
  });
});
