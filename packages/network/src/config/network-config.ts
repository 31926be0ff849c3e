import type { StoredPolicy } from '../policy/policy.ts';
import { invalidConfig } from './invalid-config.ts';
import { assertRateLimiter, type RateLimiterConfig } from './rate-limit.ts';
import { assertSecrets, type SecretsConfig } from './secret-config.ts';

/** Connections that a guest may have open at most, whatever it was given. */
export const MAX_CONNECTIONS = 4096;

/** Overrides of the addresses that a sandbox has by its slot. */
export interface InterfaceConfig {
  /** Six bytes. */
  readonly mac: readonly number[] | null;
  /** Bytes. */
  readonly mtu: number | null;
  readonly ipv4_address: string | null;
  readonly ipv4_pool: string | null;
  readonly ipv6_address: string | null;
  readonly ipv6_pool: string | null;
}

/** A port of the guest that is reached over the host. */
export interface PublishedPort {
  /** 0 takes a free one. */
  readonly host_port: number;
  readonly guest_port: number;
  readonly protocol: 'tcp' | 'udp';
  readonly host_bind: string;
}

export interface DnsConfig {
  readonly rebind_protection: boolean;
  /** `HOST:PORT`; the host's own when there are none. */
  readonly nameservers: readonly string[];
  readonly query_timeout_ms: number;
}

/** TLS interception (spec: network 13). Patterns are `name`, or `*.suffix` for it and everything under it. */
export interface TlsConfig {
  readonly enabled: boolean;
  readonly intercepted_ports: readonly number[];
  readonly bypass: readonly string[];
  readonly verify_upstream: boolean;
  readonly block_quic_on_intercept: boolean;
  /** PEM files that are trusted beside the host's own roots. */
  readonly upstream_ca_cert: readonly string[];
  readonly scoped_upstream_ca_cert: readonly { readonly pattern: string; readonly path: string }[];
  readonly scoped_verify_upstream: readonly { readonly pattern: string; readonly verify: boolean }[];
  readonly intercept_ca: { readonly cert_path: string | null; readonly key_path: string | null };
  readonly cache: { readonly capacity: number; readonly validity_hours: number };
}

/** The network of a sandbox, complete (spec: network 18). */
export interface NetworkConfig {
  readonly enabled: boolean;
  readonly interface: InterfaceConfig;
  readonly ports: readonly PublishedPort[];
  readonly policy: StoredPolicy;
  readonly dns: DnsConfig;
  readonly tls: TlsConfig;
  readonly secrets: SecretsConfig;
  readonly max_connections: number | null;
  readonly rate_limiter: RateLimiterConfig | null;
  readonly trust_host_cas: boolean;
}

/**
 * Refuses what no stack could run with.
 *
 * @throws InvalidConfigError; never quotes a secret's value
 */
export function assertNetworkConfig(config: NetworkConfig): void {
  const { max_connections, tls, secrets, rate_limiter } = config;
  if (max_connections !== null && max_connections > MAX_CONNECTIONS) {
    throw invalidConfig(`max_connections ${max_connections} exceeds hard limit ${MAX_CONNECTIONS}`);
  }
  const { cert_path, key_path } = tls.intercept_ca;
  if ((cert_path === null) !== (key_path === null)) {
    throw invalidConfig('intercept CA config is incomplete; set both cert_path and key_path');
  }
  assertSecrets(secrets.secrets);
  if (rate_limiter !== null) assertRateLimiter(rate_limiter);
}
