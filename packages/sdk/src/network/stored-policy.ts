import type { StoredDestination, StoredPolicy, StoredRule } from '@microsandbox/network';
import type { Destination, NetworkPolicy, Rule } from './policy-values.ts';

/** A policy in its stored form: snake_case keys, destinations tagged by their key, groups with underscores. */
export function storedPolicyOf(policy: NetworkPolicy): StoredPolicy {
  return {
    default_egress: policy.defaultEgress,
    default_ingress: policy.defaultIngress,
    rules: policy.rules.map(storedRuleOf),
  };
}

function storedRuleOf(rule: Rule): StoredRule {
  return {
    direction: rule.direction,
    destination: storedDestinationOf(rule.destination),
    protocols: [...rule.protocols],
    ports: rule.ports.map(({ start, end }) => ({ start, end })),
    action: rule.action,
  };
}

function storedDestinationOf(destination: Destination): StoredDestination {
  switch (destination.kind) {
    case 'any':
      return 'any';
    case 'cidr':
      return { cidr: destination.cidr };
    case 'domain':
      return { domain: destination.domain };
    case 'domainSuffix':
      return { domain_suffix: destination.suffix };
    case 'group':
      return { group: destination.group.replace('-', '_') as 'link_local' };
  }
}
