/**
 * A network policy as it is stored and as the stack reads it (spec: network 11.1, 18). Rules are tried in order; the
 * first that fits decides, else the default of the direction.
 */
export interface StoredPolicy {
  readonly default_egress: PolicyAction;
  readonly default_ingress: PolicyAction;
  readonly rules: readonly StoredRule[];
}

export interface StoredRule {
  readonly direction: RuleDirection;
  readonly destination: StoredDestination;
  /** Empty means any. */
  readonly protocols: readonly RuleProtocol[];
  /** Ports of the guest's side; empty means any. */
  readonly ports: readonly StoredPortRange[];
  readonly action: PolicyAction;
}

/** What a rule is about; in ingress rules, who comes. */
export type StoredDestination =
  | 'any'
  | { readonly cidr: string }
  | { readonly domain: string }
  /** The domain and everything under it. */
  | { readonly domain_suffix: string }
  | { readonly group: DestinationGroup };

/** Both ends are in it. */
export interface StoredPortRange {
  readonly start: number;
  readonly end: number;
}

export const ACTIONS = ['allow', 'deny'] as const;
export type PolicyAction = (typeof ACTIONS)[number];

export const DIRECTIONS = ['egress', 'ingress', 'any'] as const;
export type RuleDirection = (typeof DIRECTIONS)[number];

export const PROTOCOLS = ['tcp', 'udp', 'icmpv4', 'icmpv6'] as const;
export type RuleProtocol = (typeof PROTOCOLS)[number];

/** Kinds of addresses; each address is of one at most (spec: network 11.2). */
export const GROUPS = [
  'public',
  'loopback',
  'private',
  'link_local',
  'metadata',
  'multicast',
  'host',
] as const;
export type DestinationGroup = (typeof GROUPS)[number];
