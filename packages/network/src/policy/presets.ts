import type { DestinationGroup, PolicyAction, StoredPolicy, StoredRule } from './policy.ts';

/** Profiles that can be put together, in the order of their rules. */
export const PROFILES = ['public', 'private', 'host'] as const;
export type NetworkProfile = (typeof PROFILES)[number];

/** Lets the guest ask the gateway's name server, or forbids it (spec: network 11.3). */
export function dnsRule(action: PolicyAction = 'allow'): StoredRule {
  return {
    direction: 'egress',
    destination: { group: 'host' },
    protocols: ['udp', 'tcp'],
    ports: [{ start: 53, end: 53 }],
    action,
  };
}

/** A rule for everything that goes out to a group. */
export function egressGroupRule(group: DestinationGroup, action: PolicyAction): StoredRule {
  return { direction: 'egress', destination: { group }, protocols: [], ports: [], action };
}

/**
 * What guests may do that are only let out to the kinds of addresses named, and reached over published ports. The
 * order and repetition of profiles do not matter (spec: network 11.3).
 */
export function profilePolicy(profiles: Iterable<NetworkProfile>): StoredPolicy {
  const wanted = new Set(profiles);
  const groups = PROFILES.filter((profile) => wanted.has(profile));
  return {
    default_egress: 'deny',
    default_ingress: 'allow',
    rules: [
      ...(groups.length > 0 ? [dnsRule()] : []),
      ...groups.map((group) => egressGroupRule(group, 'allow')),
    ],
  };
}

/** The policy of a sandbox for which nobody asked for another. */
export function defaultPolicy(): StoredPolicy {
  return profilePolicy(['public']);
}

/** Nothing in, nothing out. */
export function closedPolicy(): StoredPolicy {
  return { default_egress: 'deny', default_ingress: 'deny', rules: [] };
}

/** Everything, the host included. */
export function openPolicy(): StoredPolicy {
  return { default_egress: 'allow', default_ingress: 'allow', rules: [] };
}
