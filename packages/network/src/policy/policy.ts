import * as z from 'zod';

/**
 * A network policy as it is stored and as the stack reads it (spec: network 11.1, 18). Rules are tried in order; the
 * first that fits decides, else the default of the direction.
 */
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

const portRangeSchema = z.object({
  start: z.number().int().min(0).max(65_535),
  end: z.number().int().min(0).max(65_535),
});

const destinationSchema = z.union([
  z.literal('any'),
  z.strictObject({ cidr: z.string() }),
  z.strictObject({ domain: z.string() }),
  z.strictObject({ domain_suffix: z.string() }),
  z.strictObject({ group: z.enum(GROUPS) }),
]);

export const ruleSchema = z.object({
  direction: z.enum(DIRECTIONS),
  destination: destinationSchema,
  /** Empty means any. */
  protocols: z.array(z.enum(PROTOCOLS)).default([]),
  /** Ports of the guest's side, both ends included; empty means any. */
  ports: z.array(portRangeSchema).default([]),
  action: z.enum(ACTIONS),
});

/** What nobody said is denied. */
export const policySchema = z.object({
  default_egress: z.enum(ACTIONS).default('deny'),
  default_ingress: z.enum(ACTIONS).default('deny'),
  rules: z.array(ruleSchema).default([]),
});

export type StoredPolicy = z.infer<typeof policySchema>;
export type StoredRule = z.infer<typeof ruleSchema>;
export type StoredDestination = z.infer<typeof destinationSchema>;
export type StoredPortRange = z.infer<typeof portRangeSchema>;
