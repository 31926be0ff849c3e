import { isIP } from 'node:net';
import type { NetworkAddresses, NetworkNatives, PolicyReason, PolicyVerdict } from '@microsandbox/native';
import { HOST_ALIAS } from '../dns/dns-forwarder.ts';
import { formatNetRule } from './format-net-rule.ts';
import type { RuleProtocol, StoredPolicy } from './policy.ts';

/** What is asked about. */
export interface CheckedDestination {
  /** Name or address. */
  readonly host: string;
  /** Null for ICMP. */
  readonly port: number | null;
  readonly protocol: 'tcp' | 'udp' | 'icmp';
}

/** What a check works with. */
export interface CheckOptions {
  readonly natives: Pick<NetworkNatives, 'evaluatePolicy'>;
  readonly policy: StoredPolicy;
  /** The sandbox's own, for what its gateway is. */
  readonly addresses: Pick<NetworkAddresses, 'ipv4' | 'ipv6'>;
  readonly destination: CheckedDestination;
  /** Addresses of a name; empty when it has none. */
  readonly lookup: (name: string) => Promise<readonly string[]>;
}

/** One thing that would happen. */
export interface DestinationVerdict {
  /** `dns` is the look-up of the name. */
  readonly step: 'dns' | 'connection';
  /** Null for the look-up. */
  readonly address: string | null;
  readonly protocol: RuleProtocol;
  readonly port: number | null;
  readonly action: 'allow' | 'deny';
  readonly decidedBy: PolicyReason['decidedBy'];
  /** The rule that decided, as `--net-rule` writes it. */
  readonly rule: string | null;
  readonly allowRule: string | null;
}

/**
 * What a policy does with a connection to a destination, by the evaluator that the stack uses: first the look-up of a
 * name, then a connection to each of its addresses.
 */
export async function checkDestination(options: CheckOptions): Promise<DestinationVerdict[]> {
  const { natives, policy, addresses, destination, lookup } = options;
  const { host, port, protocol } = destination;
  const policyJson = JSON.stringify(policy);
  const gatewayIpv4 = addresses.ipv4?.gateway ?? null;
  const gatewayIpv6 = addresses.ipv6?.gateway ?? null;
  const gateways = { gatewayIpv4, gatewayIpv6 };
  const isName = isIP(host) === 0;
  const steps: DestinationVerdict[] = [];
  if (isName) {
    const question = { kind: 'dns', name: host, protocol: 'udp', port: 53 } as const;
    const verdict = natives.evaluatePolicy(policyJson, question, gateways);
    steps.push({ step: 'dns', address: null, protocol: 'udp', port: 53, ...outcome(verdict, policy) });
  }
  const alias = [gatewayIpv4, gatewayIpv6].filter((address) => address !== null);
  const found = isName ? (host === HOST_ALIAS ? alias : await lookup(host)) : [host];
  const resolved = isName && host !== HOST_ALIAS ? [{ name: host, addresses: found }] : [];
  for (const address of found) {
    const kind = protocol === 'icmp' ? (isIP(address) === 6 ? 'icmpv6' : 'icmpv4') : protocol;
    const question = { kind: 'egress', protocol: kind, address, port } as const;
    const verdict = natives.evaluatePolicy(policyJson, question, { ...gateways, resolved });
    steps.push({ step: 'connection', address, protocol: kind, port, ...outcome(verdict, policy) });
  }
  return steps;
}

function outcome(
  { action, reason, allowRule }: PolicyVerdict,
  policy: StoredPolicy,
): Pick<DestinationVerdict, 'action' | 'decidedBy' | 'rule' | 'allowRule'> {
  const rule = reason.rule === null ? undefined : policy.rules[reason.rule];
  return {
    action: action === 'allow' ? 'allow' : 'deny',
    decidedBy: reason.decidedBy,
    rule: rule === undefined ? null : formatNetRule(rule).join(','),
    allowRule,
  };
}
