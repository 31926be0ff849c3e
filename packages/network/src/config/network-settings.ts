import { defaultPolicy } from '../policy/presets.ts';
import type { DnsConfig, InterfaceConfig, NetworkConfig, TlsConfig } from './network-config.ts';
import type { SecretsConfig } from './secret-config.ts';

/** A configuration as it is stored: what nobody said something about is left out (spec: network 18). */
export type NetworkSettings = Partial<
  Omit<NetworkConfig, 'interface' | 'dns' | 'tls' | 'secrets'> & {
    readonly interface: Partial<InterfaceConfig>;
    readonly dns: Partial<DnsConfig>;
    readonly tls: Partial<TlsConfig>;
    readonly secrets: Partial<SecretsConfig>;
  }
>;

const NO_OVERRIDES: InterfaceConfig = {
  mac: null,
  mtu: null,
  ipv4_address: null,
  ipv4_pool: null,
  ipv6_address: null,
  ipv6_pool: null,
};

const DNS: DnsConfig = { rebind_protection: true, nameservers: [], query_timeout_ms: 5000 };

const TLS: TlsConfig = {
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
};

const SECRETS: SecretsConfig = { secrets: [], on_violation: 'block-and-log' };

/** The complete configuration over the defaults. Keys stand in the order of the stored document. */
export function completeNetworkConfig(settings: NetworkSettings): NetworkConfig {
  return {
    enabled: settings.enabled ?? true,
    interface: { ...NO_OVERRIDES, ...settings.interface },
    ports: settings.ports ?? [],
    policy: settings.policy ?? defaultPolicy(),
    dns: { ...DNS, ...settings.dns },
    tls: { ...TLS, ...settings.tls },
    secrets: { ...SECRETS, ...settings.secrets },
    max_connections: settings.max_connections ?? null,
    rate_limiter: settings.rate_limiter ?? null,
    trust_host_cas: settings.trust_host_cas ?? false,
  };
}
