import type { NetworkAddresses, NetworkNatives } from '@microsandbox/native';
import { MicrosandboxError, RuntimeError } from '@microsandbox/types';
import type { NetworkConfig } from '../config/network-config.ts';
import { parseNetworkConfig } from '../config/parse-network-config.ts';
import { tenantConfig } from '../config/tenant-config.ts';
import type { StoredPolicy } from '../policy/policy.ts';
import { defaultPolicy } from '../policy/presets.ts';

/** Who uses the host: one person, or tenants that do not trust each other (spec: network 17). */
export type DeploymentProfile = 'single_tenant' | 'multi_tenant';

/** What {@link planNetwork} works from. */
export interface NetworkRequest {
  readonly natives: Pick<NetworkNatives, 'networkAddresses'>;
  /** `network` of a launch configuration: JSON with resolved secrets. */
  readonly document: unknown;
  readonly profile: DeploymentProfile;
  /** Row id of the sandbox. */
  readonly slot: number;
  /** Overrides the test of the host's routes. */
  readonly families?: { readonly ipv4: boolean; readonly ipv6: boolean };
}

/** A network that can be started. */
export interface NetworkPlan {
  readonly config: NetworkConfig;
  readonly addresses: NetworkAddresses;
  /** A second policy that must allow too. */
  readonly platformPolicy: StoredPolicy | null;
  /** What was taken from the configuration, for people. */
  readonly warnings: readonly string[];
}

/**
 * Checks the configuration of a network and gives it its addresses (spec: network 2, 17).
 *
 * @throws RuntimeError `initialize network: ...`
 */
export function planNetwork({ natives, document, profile, slot, families }: NetworkRequest): NetworkPlan {
  return initializing(() => {
    const asked = parseNetworkConfig(document);
    const isTenant = profile === 'multi_tenant';
    const { config, changed } = isTenant ? tenantConfig(asked) : { config: asked, changed: false };
    const { mac, mtu, ipv4_address, ipv4_pool, ipv6_address, ipv6_pool } = config.interface;
    const addresses = natives.networkAddresses({
      slot,
      mac,
      mtu,
      ipv4Address: ipv4_address,
      ipv4Pool: ipv4_pool,
      ipv6Address: ipv6_address,
      ipv6Pool: ipv6_pool,
      ...(families !== undefined && { families }),
    });
    const warning =
      'addresses, ports, name servers, rebind protection, host certificates and connections are the host’s to decide';
    return {
      config,
      addresses,
      platformPolicy: isTenant ? defaultPolicy() : null,
      warnings: changed ? [`multi-tenant deployment: ${warning}; the configuration was restricted`] : [],
    };
  });
}

/** Names the step in what went wrong in it (spec: network 8). */
export function initializing<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (!(cause instanceof MicrosandboxError)) throw cause;
    const reason = cause.message.replace(/^invalid config: /, '');
    throw new RuntimeError(`initialize network: ${reason}`, {
      cause,
      ...(cause.hint !== undefined && { hint: cause.hint }),
    });
  }
}
