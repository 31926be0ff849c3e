import {
  assertNetworkConfig,
  closedPolicy,
  completeNetworkConfig,
  type NetworkSettings,
  type SecretEntry,
} from '@microsandbox/network';
import type { StoredPort } from '../config/sandbox-draft.ts';

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** The network of a sandbox in stored form, as far as somebody said something about it (spec: network 18). */
export interface NetworkSpec extends Mutable<Omit<NetworkSettings, 'ports'>> {
  enabled: boolean;
  ports: StoredPort[];
  max_connections: number | null;
  trust_host_cas: boolean;
}

export function emptyNetworkSpec(): NetworkSpec {
  return { enabled: true, ports: [], max_connections: null, trust_host_cas: false };
}

/** Gives the sandbox no network at all. */
export function disableNetwork(spec: NetworkSpec): void {
  spec.enabled = false;
  spec.policy = closedPolicy();
}

/** Adds a secret. Its value can only get into connections that are opened on the host. */
export function addSecret(spec: NetworkSpec, secret: SecretEntry, { interceptTls = false } = {}): void {
  spec.secrets = { ...spec.secrets, secrets: [...(spec.secrets?.secrets ?? []), secret] };
  if (interceptTls) spec.tls = { ...spec.tls, enabled: true };
}

/** The document as it is stored: keys in order, absent parts left out. */
export function storedNetwork(spec: NetworkSpec): NetworkSpec {
  const { enabled, ports, policy, dns, tls, secrets, max_connections, rate_limiter, trust_host_cas } = spec;
  return {
    enabled,
    ...(spec.interface !== undefined && { interface: spec.interface }),
    ports: [...ports],
    ...(policy !== undefined && { policy }),
    ...(dns !== undefined && { dns }),
    ...(tls !== undefined && { tls }),
    ...(secrets !== undefined && { secrets }),
    max_connections,
    ...(rate_limiter !== undefined && { rate_limiter }),
    trust_host_cas,
  };
}

/** @throws InvalidConfigError for what no stack could run with */
export function assertNetworkSpec(spec: NetworkSpec): void {
  assertNetworkConfig(completeNetworkConfig(spec));
}
