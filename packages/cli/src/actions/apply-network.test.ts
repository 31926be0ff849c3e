import { Sandbox } from 'microsandbox';
import { describe, expect, it } from 'vitest';
import type { NetworkOptions } from '../commands/network-options.ts';
import { applyNetwork } from './apply-network.ts';

/** The network that these options make, with keys in camelCase. */
async function networkOf(options: NetworkOptions): Promise<unknown> {
  const builder = Sandbox.builder('box').image('alpine');
  applyNetwork(builder, options);
  return (await builder.build())['network'];
}

const PLAIN = { enabled: true, ports: [], maxConnections: null, trustHostCas: false };

describe('network options', () => {
  it('that are not given change nothing', async () => {
    expect(await networkOf({})).toEqual(PLAIN);
  });

  it('publish ports', async () => {
    const port = { protocol: 'tcp', hostBind: '127.0.0.1' };
    expect(await networkOf({ port: ['8080:80', '0.0.0.0:0:53/udp', '[::1]:443:443/tcp'] })).toMatchObject({
      ports: [
        { ...port, hostPort: 8080, guestPort: 80 },
        { hostPort: 0, guestPort: 53, protocol: 'udp', hostBind: '0.0.0.0' },
        { ...port, hostPort: 443, guestPort: 443, hostBind: '::1' },
      ],
    });
  });

  it('make a policy', async () => {
    const { policy } = (await networkOf({ net: ['public,host'], netRule: ['deny@1.2.3.4'] })) as {
      policy: { defaultEgress: string; rules: { destination: object; action: string }[] };
    };
    expect(policy.defaultEgress).toBe('deny');
    expect(policy.rules.map(({ destination, action }) => [action, destination])).toEqual([
      ['deny', { cidr: '1.2.3.4/32' }],
      ['allow', { group: 'host' }],
      ['allow', { group: 'public' }],
      ['allow', { group: 'host' }],
    ]);
    expect(await networkOf({ netDefault: 'allow', netDefaultEgress: 'deny' })).toMatchObject({
      policy: { defaultEgress: 'deny', defaultIngress: 'allow' },
    });
  });

  it('store where a secret’s value comes from, not the value', async () => {
    expect(await networkOf({ secret: ['KEY@a.com', 'KEY@*.b.com', 'ANY@*'] })).toMatchObject({
      tls: { enabled: true },
      secrets: {
        secrets: [
          {
            envVar: 'KEY',
            value: '',
            source: { kind: 'env', var: 'KEY' },
            placeholder: '$MSB_KEY',
            allowedHosts: [{ exact: 'a.com' }, { wildcard: '*.b.com' }],
          },
          { envVar: 'ANY', allowedHosts: ['any'] },
        ],
      },
    });
  });

  it('switch TLS interception on, each of them', async () => {
    for (const options of [
      { tlsIntercept: true },
      { tlsInterceptPort: [8443] },
      { tlsBypass: ['*.x.com'] },
      { noBlockQuic: true },
      { tlsUpstreamCaCert: ['/ca.pem'] },
      { tlsUpstreamCaCertFor: ['*.x.com=/ca.pem'] },
      { tlsNoVerifyUpstreamFor: ['x.com'] },
    ]) {
      expect(await networkOf(options)).toMatchObject({ tls: { enabled: true } });
    }
  });

  it('limit rates and ask other name servers', async () => {
    expect(
      await networkOf({
        netEgressBandwidth: '10M/5s',
        netEgressBandwidthBurst: '1K',
        netIngressOps: '100',
        dnsNameserver: ['1.1.1.1'],
        noDnsRebindProtection: true,
        onSecretViolation: 'passthrough',
      }),
    ).toMatchObject({
      rateLimiter: {
        egress: { bandwidth: { size: 10_485_760, refillTimeMs: 5000, oneTimeBurst: 1024 } },
        ingress: { ops: { size: 100, refillTimeMs: 1000, oneTimeBurst: 0 } },
      },
      dns: { rebindProtection: false, nameservers: ['1.1.1.1:53'] },
      secrets: { onViolation: { passthrough: ['any'] } },
    });
  });

  it.each<[NetworkOptions, string]>([
    [{ port: ['80'] }, 'port must be in format HOST:GUEST[/udp] or BIND_ADDR:HOST:GUEST[/udp]'],
    [{ port: ['::1:80:80'] }, 'port must be in format HOST:GUEST[/udp] or BIND_ADDR:HOST:GUEST[/udp]'],
    [{ port: ['[::1]80:80'] }, 'IPv6 port bind must be in format [ADDR]:HOST:GUEST[/udp]'],
    [{ port: ['here:80:80'] }, 'invalid bind address: here'],
    [{ port: ['x:80'] }, 'invalid host port: x'],
    [{ port: ['80:70000'] }, 'invalid guest port: 70000'],
    [{ net: ['all,public'] }, '--net `all` cannot be combined with public, private, or host'],
    [{ netRule: ['alow@any'] }, '`alow` is not a recognized action'],
    [{ netDefault: 'no' }, 'unknown --net-default value "no"; expected `allow` or `deny`'],
    [{ netIpv4Pool: '10.0.0.0/31' }, 'prefix must be /30 or shorter'],
    [
      { netEgressBandwidth: '1T' },
      '--net-egress-bandwidth: invalid size `1T` (expected raw bytes or K/M/G suffix)',
    ],
    [{ netIngressOpsBurst: '5' }, 'ingress rate limiter: ops_burst requires the ops bucket'],
    [{ tlsUpstreamCaCertFor: ['x'] }, 'scoped upstream CA must be in format PATTERN=PATH'],
    [{ tlsInterceptCaCert: '/c' }, 'intercept CA config is incomplete; set both cert_path and key_path'],
    [{ secret: ['K=topsecret@h'] }, 'inline secret values (`ENV=VALUE@HOST`) are not supported by `create`'],
    [{ onSecretViolation: 'shrug' }, 'invalid violation action: shrug (expected: block, block-and-log,'],
    [{ dnsNameserver: ['a b'] }, 'invalid nameserver "a b"'],
  ])('%j: %s', async (options, message) => {
    const failure = await networkOf(options).then(
      () => null,
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ code: expect.any(String), message: expect.stringContaining(message) });
  });
});
