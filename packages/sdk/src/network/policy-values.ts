import type { DestinationGroup } from '../values.ts';
import { NetworkPolicyBuilder } from './network-policy-builder.ts';

export type Action = 'allow' | 'deny';
export type Direction = 'egress' | 'ingress' | 'any';
export type Protocol = 'tcp' | 'udp' | 'icmpv4' | 'icmpv6';

export type NetworkProfile = 'public' | 'private' | 'host';

/** What a rule is about: addresses, names, or a kind of addresses. */
export type Destination =
  | { readonly kind: 'any' }
  | { readonly kind: 'cidr'; readonly cidr: string }
  | { readonly kind: 'domain'; readonly domain: string }
  /** The domain and everything under it. */
  | { readonly kind: 'domainSuffix'; readonly suffix: string }
  | { readonly kind: 'group'; readonly group: DestinationGroup };

/** Both ends are in it. */
export interface PortRange {
  readonly start: number;
  readonly end: number;
}

/** One line of a policy. No protocols or ports means any; ports are those of the guest's side. */
export interface Rule {
  readonly direction: Direction;
  readonly destination: Destination;
  readonly protocols: readonly Protocol[];
  readonly ports: readonly PortRange[];
  readonly action: Action;
}

/** What a guest may reach and who may reach it: the first rule that fits decides, else the direction's default. */
export interface NetworkPolicy {
  readonly defaultEgress: Action;
  readonly defaultIngress: Action;
  readonly rules: readonly Rule[];
}

const NOTHING: readonly never[] = Object.freeze([]);

/** Makes destinations. */
export const Destination = {
  any: (): Destination => ({ kind: 'any' }),
  cidr: (cidr: string): Destination => ({ kind: 'cidr', cidr }),
  domain: (domain: string): Destination => ({ kind: 'domain', domain }),
  domainSuffix: (suffix: string): Destination => ({ kind: 'domainSuffix', suffix }),
  group: (group: DestinationGroup): Destination => ({ kind: 'group', group }),
};

/** Makes port ranges. */
export const PortRange = {
  single: (port: number): PortRange => ({ start: port, end: port }),
  range: (start: number, end: number): PortRange => ({ start, end }),
};

/** Makes rules for every protocol and port of a destination. */
export const Rule = {
  allowEgress: (destination: Destination): Rule => ruleOf('egress', destination, 'allow'),
  denyEgress: (destination: Destination): Rule => ruleOf('egress', destination, 'deny'),
  allowIngress: (destination: Destination): Rule => ruleOf('ingress', destination, 'allow'),
  denyIngress: (destination: Destination): Rule => ruleOf('ingress', destination, 'deny'),
  allowAny: (destination: Destination): Rule => ruleOf('any', destination, 'allow'),
  denyAny: (destination: Destination): Rule => ruleOf('any', destination, 'deny'),
  /** Lets the guest ask the gateway's name server. */
  allowDns: (): Rule => dnsRule('allow'),
  denyDns: (): Rule => dnsRule('deny'),
};

const PROFILES: readonly NetworkProfile[] = ['public', 'private', 'host'];

/**
 * Makes policies.
 *
 * @example
 * Sandbox.builder('x').image('alpine').network((n) => n.policy(NetworkPolicy.fromProfiles(['public'])))
 */
export const NetworkPolicy = {
  /** Nothing in, nothing out. */
  none: (): NetworkPolicy => ({ defaultEgress: 'deny', defaultIngress: 'deny', rules: [] }),
  /** Everything, the host included. */
  allowAll: (): NetworkPolicy => ({ defaultEgress: 'allow', defaultIngress: 'allow', rules: [] }),
  /**
   * Out to the kinds of addresses named, and in over published ports.
   *
   * @throws RangeError for an unknown profile
   */
  fromProfiles: (profiles: Iterable<NetworkProfile>): NetworkPolicy => {
    const wanted = new Set<NetworkProfile>(profiles);
    for (const profile of wanted) {
      if (!PROFILES.includes(profile)) throw new RangeError(`unknown network profile: ${profile}`);
    }
    const groups = PROFILES.filter((profile) => wanted.has(profile));
    return {
      defaultEgress: 'deny',
      defaultIngress: 'allow',
      rules: [
        ...(groups.length > 0 ? [Rule.allowDns()] : []),
        ...groups.map((group) => Rule.allowEgress(Destination.group(group))),
      ],
    };
  },
  builder: (): NetworkPolicyBuilder => new NetworkPolicyBuilder(),
};

function ruleOf(direction: Direction, destination: Destination, action: Action): Rule {
  return { direction, destination, protocols: NOTHING, ports: NOTHING, action };
}

function dnsRule(action: Action): Rule {
  return {
    direction: 'egress',
    destination: Destination.group('host'),
    protocols: ['udp', 'tcp'],
    ports: [PortRange.single(53)],
    action,
  };
}
