import type { NetworkConfig } from './network-config.ts';

/** Connections that a sandbox of a shared host may have open at most. */
const MAX_TENANT_CONNECTIONS = 256;

/** A configuration as a host with many tenants admits it. */
export interface TenantConfig {
  readonly config: NetworkConfig;
  /** Something that was asked for is not given; worth a warning. */
  readonly changed: boolean;
}

/**
 * Takes from a configuration what a tenant of a shared host may not decide: addresses, ports of the host, name servers,
 * rebind protection, the host's own certificates, and more than 256 connections (spec: network 17).
 */
export function tenantConfig(config: NetworkConfig): TenantConfig {
  const restricted: NetworkConfig = {
    ...config,
    interface: {
      mac: null,
      mtu: null,
      ipv4_address: null,
      ipv4_pool: null,
      ipv6_address: null,
      ipv6_pool: null,
    },
    ports: [],
    dns: { ...config.dns, nameservers: [], rebind_protection: true },
    trust_host_cas: false,
    max_connections: Math.min(config.max_connections ?? MAX_TENANT_CONNECTIONS, MAX_TENANT_CONNECTIONS),
  };
  const asked = { ...config, max_connections: config.max_connections ?? MAX_TENANT_CONNECTIONS };
  return { config: restricted, changed: JSON.stringify(asked) !== JSON.stringify(restricted) };
}
