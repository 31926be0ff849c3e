import { describe, expect, it } from 'vitest';
import { matchesHost, parseHostPattern } from './host-pattern.ts';
import { formatNameserver, parseNameserver } from './nameserver.ts';
import { parseNetworkConfig } from './parse-network-config.ts';
import { tenantConfig } from './tenant-config.ts';

/** The document with all defaults, as spec network 18 prints it. */
const DEFAULTS = {
  enabled: true,
  interface: {
    mac: null,
    mtu: null,
    ipv4_address: null,
    ipv4_pool: null,
    ipv6_address: null,
    ipv6_pool: null,
  },
  ports: [],
  policy: {
    default_egress: 'deny',
    default_ingress: 'allow',
    rules: [
      {
        direction: 'egress',
        destination: { group: 'host' },
        protocols: ['udp', 'tcp'],
        ports: [{ start: 53, end: 53 }],
        action: 'allow',
      },
      { direction: 'egress', destination: { group: 'public' }, protocols: [], ports: [], action: 'allow' },
    ],
  },
  dns: { rebind_protection: true, nameservers: [], query_timeout_ms: 5000 },
  tls: {
    enabled: false,
    intercepted_ports: [443],
    bypass: [],
    verify_upstream: true,
    block_quic_on_intercept: true,
    upstream_ca_cert: [],
    scoped_upstream_ca_cert: [],
    scoped_verify_upstream: [],
    intercept_ca: { cert_path: null, key_path: null },
    cache: { capacity: 1000, validity_hours: 24 },
  },
  secrets: { secrets: [], on_violation: 'block-and-log' },
  max_connections: null,
  rate_limiter: null,
  trust_host_cas: false,
};

const secret = { env_var: 'KEY', value: 'v', placeholder: '$MSB_KEY', allowed_hosts: [{ exact: 'a.com' }] };

describe('network configurations', () => {
  it('have all defaults', () => {
    expect(parseNetworkConfig({})).toEqual(DEFAULTS);
    expect(JSON.stringify(parseNetworkConfig(undefined))).toBe(JSON.stringify(DEFAULTS));
    expect(parseNetworkConfig(DEFAULTS)).toEqual(DEFAULTS);
  });

  it('read what older releases wrote', () => {
    const config = parseNetworkConfig({
      ports: [{ host_port: 80, guest_port: 80, protocol: 'Udp' }],
      tls: {
        scoped_upstream_ca_certs: [{ pattern: '*.corp', path: '/p' }],
        ca: { cert_path: '/c', key_path: '/k' },
      },
      secrets: {
        secrets: [{ ...secret, allowed_hosts: [{ Exact: 'a' }, 'Any'] }],
        on_violation: 'BlockAndLog',
      },
    });
    expect(config.ports).toEqual([
      { host_port: 80, guest_port: 80, protocol: 'udp', host_bind: '127.0.0.1' },
    ]);
    expect(config.tls.scoped_upstream_ca_cert).toEqual([{ pattern: '*.corp', path: '/p' }]);
    expect(config.tls.intercept_ca).toEqual({ cert_path: '/c', key_path: '/k' });
    expect(config.secrets.secrets[0]?.allowed_hosts).toEqual([{ exact: 'a' }, 'any']);
    expect(config.secrets.secrets[0]?.injection).toEqual({
      headers: true,
      basic_auth: true,
      query_params: false,
      body: false,
    });
  });

  it.each([
    [{ max_connections: 5000 }, 'max_connections 5000 exceeds hard limit 4096'],
    [
      { tls: { intercept_ca: { cert_path: '/c', key_path: null } } },
      'intercept CA config is incomplete; set both cert_path and key_path',
    ],
    [{ dns: { nameservers: ['a b'] } }, 'invalid nameserver "a b"; expected IP, IP:PORT, HOST, or HOST:PORT'],
    [{ ports: [{ host_port: 70000, guest_port: 1 }] }, 'network.ports.0.host_port'],
    [{ rate_limiter: {} }, 'rate limiter must configure at least one of egress or ingress'],
    [
      { rate_limiter: { egress: {} } },
      'egress rate limiter: rate limiter must configure at least one of bandwidth or ops',
    ],
    [
      { rate_limiter: { ingress: { ops: { size: 0, refill_time_ms: 1 } } } },
      'ingress rate limiter: ops bucket: size must be greater than zero',
    ],
    [
      { secrets: { secrets: [{ ...secret, env_var: '' }] } },
      'invalid network secrets: secret #0: env_var must not be empty',
    ],
    [
      { secrets: { secrets: [secret, { ...secret, env_var: 'A=B' }] } },
      'secret #1: env_var must not contain `=`',
    ],
    [
      { secrets: { secrets: [{ ...secret, allowed_hosts: [] }] } },
      'secret #0: at least one allowed host is required',
    ],
    [
      { secrets: { secrets: [{ ...secret, placeholder: 'x'.repeat(1025) }] } },
      'secret #0: placeholder must be at most 1024 bytes, got 1025',
    ],
    [
      { secrets: { secrets: [{ ...secret, placeholder: 'a\nb' }] } },
      'secret #0: placeholder must not contain CR or LF',
    ],
    [{ secrets: { secrets: [{ ...secret, value: 7 }] } }, 'network.secrets.secrets.0.value'],
  ])('%j: %s', (value, message) => {
    expect(() => parseNetworkConfig(value)).toThrow(message);
  });

  it('never quote a value', () => {
    const bad = { secrets: { secrets: [{ ...secret, value: 'topsecret', placeholder: '' }] } };
    expect(() => parseNetworkConfig(bad)).not.toThrow('topsecret');
  });

  it('give tenants of a shared host less', () => {
    const asked = parseNetworkConfig({
      ports: [{ host_port: 1, guest_port: 1 }],
      trust_host_cas: true,
      max_connections: 1000,
      dns: { rebind_protection: false, nameservers: ['1.1.1.1'] },
      interface: { mtu: 9000 },
    });
    expect(tenantConfig(asked)).toEqual({ config: { ...DEFAULTS, max_connections: 256 }, changed: true });
    expect(tenantConfig(parseNetworkConfig({})).changed).toBe(false);
    expect(tenantConfig(parseNetworkConfig({ max_connections: 10 }))).toMatchObject({
      config: { max_connections: 10 },
      changed: false,
    });
  });
});

describe('name servers', () => {
  it.each([
    ['1.1.1.1', '1.1.1.1:53'],
    [' 1.1.1.1:5353 ', '1.1.1.1:5353'],
    ['2606:4700::1111', '[2606:4700::1111]:53'],
    ['[2606:4700::1111]:54', '[2606:4700::1111]:54'],
    ['dns.google', 'dns.google:53'],
    ['dns.google:54', 'dns.google:54'],
  ])('%s is %s', (text, stored) => {
    expect(formatNameserver(parseNameserver(text))).toBe(stored);
    expect(formatNameserver(parseNameserver(stored))).toBe(stored);
  });

  it.each(['', 'a:b:c', 'a b', '1.1.1.1:0', '1.1.1.1:70000', '[1.1.1.1]:53', 'host:'])(
    '%j is none',
    (text) => {
      expect(() => parseNameserver(text)).toThrow('expected IP, IP:PORT, HOST, or HOST:PORT');
    },
  );
});

describe('host patterns', () => {
  it.each([
    ['*', 'anything.at.all', true],
    ['*.x.com', 'x.com', true],
    ['*.x.com', 'A.b.X.com.', true],
    ['*.x.com', 'yx.com', false],
    ['x.com', 'X.com.', true],
    ['x.com', 'a.x.com', false],
  ])('%s and %s: %s', (pattern, host, expected) => {
    expect(matchesHost(parseHostPattern(pattern), host)).toBe(expected);
  });

  it('without a star in front are exact names', () => {
    expect(matchesHost({ wildcard: 'x.com' }, 'x.com')).toBe(true);
    expect(matchesHost({ wildcard: 'x.com' }, 'a.x.com')).toBe(false);
  });
});
