import { isIP } from 'node:net';
import {
  assertPolicy,
  closedPolicy,
  completeNetworkConfig,
  defaultPlaceholder,
  parseCidr,
  type NetworkConfig as StoredNetworkConfig,
  type StoredPolicy,
  type TlsConfig,
} from '@microsandbox/network';
import { InvalidConfigError } from '@microsandbox/types';
import { configured } from '../builders/configure.ts';
import { camelCaseKeys } from '../config/camel-case-keys.ts';
import { publishedPort } from '../config/published-port.ts';
import { DnsBuilder } from './dns-builder.ts';
import { InterfaceOverridesBuilder } from './interface-overrides-builder.ts';
import { NetworkPolicyBuilder } from './network-policy-builder.ts';
import { NetworkRateLimiterBuilder } from './network-rate-limiter-builder.ts';
import { addSecret, assertNetworkSpec, emptyNetworkSpec, type NetworkSpec } from './network-spec.ts';
import type { NetworkPolicy } from './policy-values.ts';
import { SecretBuilder } from './secret-builder.ts';
import { storedPolicyOf } from './stored-policy.ts';
import { TlsBuilder, type TlsOptions } from './tls-builder.ts';
import { ViolationActionBuilder } from './violation-action-builder.ts';

/** A complete network configuration: that of the stored form, with keys in camelCase. */
export type NetworkConfig = CamelCase<StoredNetworkConfig>;

type CamelCaseKey<Key extends string> = Key extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCaseKey<Tail>>}`
  : Key;

type CamelCase<Value> = Value extends readonly (infer Item)[]
  ? CamelCase<Item>[]
  : Value extends object
    ? { [Key in keyof Value as CamelCaseKey<Key & string>]: CamelCase<Value[Key]> }
    : Value;

/**
 * Describes the network of a sandbox. Without it a sandbox reaches public addresses only.
 *
 * @example
 * Sandbox.builder('web').image('nginx').network((n) => n.port(8080, 80).policy(NetworkPolicy.none()))
 */
export class NetworkBuilder {
  readonly #spec: NetworkSpec = emptyNetworkSpec();

  /** Without a network there is no interface but `lo`. */
  enabled(on: boolean): this {
    this.#spec.enabled = on;
    return this;
  }

  /** Publishes a TCP port of the guest on 127.0.0.1; 0 takes a free one. */
  port(hostPort: number, guestPort: number): this {
    return this.portBind('127.0.0.1', hostPort, guestPort);
  }

  /** Publishes a TCP port of the guest on an address of the host. */
  portBind(bind: string, hostPort: number, guestPort: number): this {
    this.#spec.ports.push(publishedPort(bind, hostPort, guestPort, 'tcp'));
    return this;
  }

  /** Publishes a UDP port of the guest on 127.0.0.1. */
  portUdp(hostPort: number, guestPort: number): this {
    return this.portUdpBind('127.0.0.1', hostPort, guestPort);
  }

  /** Publishes a UDP port of the guest on an address of the host. */
  portUdpBind(bind: string, hostPort: number, guestPort: number): this {
    this.#spec.ports.push(publishedPort(bind, hostPort, guestPort, 'udp'));
    return this;
  }

  /** What may be reached. @throws Error for a mistake in a builder's rules, InvalidConfigError for an unknown word */
  policy(policy: NetworkPolicy | NetworkPolicyBuilder): this {
    const stored = storedPolicyOf(policy instanceof NetworkPolicyBuilder ? policy.build() : policy);
    assertPolicy(stored);
    this.#spec.policy = stored;
    return this;
  }

  /**
   * What may be reached, in stored form. What it does not say is denied.
   *
   * @throws InvalidConfigError for what is no policy
   */
  policyJson(json: string): this {
    const stored: Partial<StoredPolicy> = JSON.parse(json);
    const policy = { ...closedPolicy(), ...stored };
    assertPolicy(policy);
    this.#spec.policy = policy;
    return this;
  }

  dns(configure: (builder: DnsBuilder) => DnsBuilder): this {
    const { rebindProtection, nameservers, queryTimeoutMs } = configured(
      new DnsBuilder(),
      configure,
      DnsBuilder,
    ).build();
    this.#spec.dns = {
      rebind_protection: rebindProtection,
      nameservers,
      query_timeout_ms: queryTimeoutMs,
    };
    return this;
  }

  /** Opens TLS connections of the guest on the host; calling it switches that on. */
  tls(configure: (builder: TlsBuilder) => TlsBuilder): this {
    this.#spec.tls = storedTls(configured(new TlsBuilder(), configure, TlsBuilder).build());
    return this;
  }

  /** Adds a secret. It gets into TLS connections only together with {@link tls}. */
  secret(configure: (builder: SecretBuilder) => SecretBuilder): this {
    addSecret(this.#spec, configured(new SecretBuilder(), configure, SecretBuilder).take());
    return this;
  }

  /** Adds a secret for one host. */
  secretEnv(
    envVar: string,
    value: string,
    placeholder: string = defaultPlaceholder(envVar),
    allowedHost = '',
  ): this {
    return this.secret((secret) => {
      secret.env(envVar).value(value).placeholder(placeholder);
      return allowedHost === '' ? secret : secret.allowHost(allowedHost);
    });
  }

  /** @throws Error for an address that is none */
  interface(configure: (builder: InterfaceOverridesBuilder) => InterfaceOverridesBuilder): this {
    const overrides = configured(
      new InterfaceOverridesBuilder(),
      configure,
      InterfaceOverridesBuilder,
    ).take();
    this.#spec.interface = { ...this.#spec.interface, ...overrides };
    return this;
  }

  /** What happens when a placeholder is sent to a host that its secret may not go to. */
  onSecretViolation(configure: (builder: ViolationActionBuilder) => ViolationActionBuilder): this {
    const action = configured(new ViolationActionBuilder(), configure, ViolationActionBuilder).take();
    this.#spec.secrets = { ...this.#spec.secrets, on_violation: action };
    return this;
  }

  /** Connections that the guest may have open at once; 256 when not set, at most 4096. */
  maxConnections(count: number): this {
    this.#spec.max_connections = Math.trunc(count);
    return this;
  }

  /** Where the guest's IPv4 address is taken from, /30 or shorter. @throws Error for what is no block */
  ipv4Pool(cidr: string): this {
    return this.#pool(4, cidr);
  }

  /** Where the guest's IPv6 address is taken from, /64 or shorter. @throws Error for what is no block */
  ipv6Pool(cidr: string): this {
    return this.#pool(6, cidr);
  }

  /** Makes the guest trust what the host trusts. */
  trustHostCAs(on: boolean): this {
    this.#spec.trust_host_cas = on;
    return this;
  }

  rateLimiter(configure: (builder: NetworkRateLimiterBuilder) => NetworkRateLimiterBuilder): this {
    const limiter = configured(new NetworkRateLimiterBuilder(), configure, NetworkRateLimiterBuilder).take();
    this.#spec.rate_limiter = limiter;
    return this;
  }

  /**
   * The complete configuration.
   *
   * @throws InvalidConfigError `network builder: ...`
   */
  build(): NetworkConfig {
    return camelCaseKeys(completeNetworkConfig(this.take())) as NetworkConfig;
  }

  /** @internal The stored form. @throws InvalidConfigError */
  take(): NetworkSpec {
    try {
      assertPools(this.#spec);
      assertNetworkSpec(this.#spec);
      return structuredClone(this.#spec);
    } catch (error) {
      const problem = (error as Error).message.replace(/^invalid config: /, '');
      throw new InvalidConfigError(`network builder: ${problem}`, { cause: error });
    }
  }

  #pool(family: 4 | 6, cidr: string): this {
    if (parseCidr(cidr)?.family !== family) {
      const address = cidr.split('/')[0] ?? '';
      const what = isIP(address) === family ? 'expected ADDRESS/PREFIX' : `expected an IPv${family} block`;
      throw new Error(`invalid IPv${family} pool \`${cidr}\`: ${what}`);
    }
    const key = family === 4 ? 'ipv4_pool' : 'ipv6_pool';
    this.#spec.interface = { ...this.#spec.interface, [key]: cidr };
    return this;
  }
}

/** A pool must have room for one sandbox at least. */
function assertPools({ interface: overrides = {} }: NetworkSpec): void {
  const { ipv4_pool: v4, ipv6_pool: v6 } = overrides;
  if (v4 && (parseCidr(v4)?.prefix ?? 0) > 30) {
    throw new Error(`invalid IPv4 pool \`${v4}\`: prefix must be /30 or shorter`);
  }
  if (v6 && (parseCidr(v6)?.prefix ?? 0) > 64) {
    throw new Error(`invalid IPv6 pool \`${v6}\`: prefix must be /64 or shorter`);
  }
}

function storedTls(options: TlsOptions): Partial<TlsConfig> {
  return {
    enabled: options.enabled,
    intercepted_ports: options.interceptedPorts,
    bypass: options.bypass,
    verify_upstream: options.verifyUpstream,
    block_quic_on_intercept: options.blockQuic,
    upstream_ca_cert: options.upstreamCaCertPaths,
    scoped_upstream_ca_cert: options.scopedUpstreamCaCerts,
    scoped_verify_upstream: options.scopedVerifyUpstream,
    intercept_ca: {
      cert_path: options.interceptCaCertPath ?? null,
      key_path: options.interceptCaKeyPath ?? null,
    },
  };
}
