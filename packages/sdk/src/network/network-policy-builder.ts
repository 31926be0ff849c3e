import { cidrOfAddress, normalizeDomain, normalizeSuffix, parseCidr } from '@microsandbox/network';
import { configured } from '../builders/configure.ts';
import type { Action, Destination, Direction, NetworkPolicy, Rule } from './policy-values.ts';
import { type RawRule, RuleBuilder } from './rule-builder.ts';
import type { RawDestination } from './rule-destination-builder.ts';

type Configure = (builder: RuleBuilder) => RuleBuilder;

/**
 * Describes a policy rule by rule. Nothing goes out and everything published can be reached, unless a default says
 * otherwise. Texts are read by {@link build}, which reports the first mistake.
 *
 * @example
 * NetworkPolicy.builder()
 *   .egress((r) => r.tcp().port(443).allowDomainSuffix('example.com'))
 *   .build();
 */
export class NetworkPolicyBuilder {
  readonly #rules: RawRule[] = [];
  #defaultEgress: Action = 'deny';
  #defaultIngress: Action = 'allow';
  #problem: Error | null = null;

  /** Both ways. */
  defaultAllow(): this {
    return this.defaultEgress('allow').defaultIngress('allow');
  }

  /** Both ways. */
  defaultDeny(): this {
    return this.defaultEgress('deny').defaultIngress('deny');
  }

  /** @throws Error for an unknown word */
  defaultEgress(action: Action): this {
    this.#defaultEgress = actionOf(action);
    return this;
  }

  /** @throws Error for an unknown word */
  defaultIngress(action: Action): this {
    this.#defaultIngress = actionOf(action);
    return this;
  }

  /** Adds rules that say their direction themselves. */
  rule(configure: Configure): this {
    return this.#add(null, configure);
  }

  /** Adds rules for what the guest opens. */
  egress(configure: Configure): this {
    return this.#add('egress', configure);
  }

  /** Adds rules for what comes in over published ports. */
  ingress(configure: Configure): this {
    return this.#add('ingress', configure);
  }

  /** Adds rules for both ways. */
  any(configure: Configure): this {
    return this.#add('any', configure);
  }

  /** @throws Error `rule #<index>: ...` for the first mistake */
  build(): NetworkPolicy {
    if (this.#problem !== null) throw this.#problem;
    return {
      defaultEgress: this.#defaultEgress,
      defaultIngress: this.#defaultIngress,
      rules: this.#rules.map(ruleOf),
    };
  }

  #add(direction: Direction | null, configure: Configure): this {
    const { rules, problem } = configured(new RuleBuilder(direction), configure, RuleBuilder).take();
    if (problem !== null) this.#problem ??= problem(this.#rules.length);
    this.#rules.push(...rules);
    return this;
  }
}

function ruleOf(raw: RawRule, index: number): Rule {
  const fail = (problem: string): Error => new Error(`rule #${index}: ${problem}`);
  const { direction, protocols, ports, action } = raw;
  if (direction === null) {
    throw fail('direction not set; call .egress(), .ingress(), or .any() before the rule-adder');
  }
  const destination = destinationOf(raw.destination, fail);
  if (direction !== 'egress' && protocols.some((protocol) => protocol.startsWith('icmp'))) {
    throw fail(
      'ICMP protocols are egress-only; ingress and any-direction rules cannot include icmpv4 or icmpv6',
    );
  }
  return { direction, destination, protocols, ports, action };
}

function destinationOf(raw: RawDestination, fail: (problem: string) => Error): Destination {
  if (raw.kind === 'any' || raw.kind === 'group') return raw;
  const { kind, text } = raw;
  const named = (normalize: (text: string) => string): string => {
    try {
      return normalize(text);
    } catch (error) {
      throw fail(`invalid domain \`${text}\`: ${(error as Error).message}`);
    }
  };
  switch (kind) {
    case 'ip': {
      const cidr = cidrOfAddress(text);
      if (cidr === null) throw fail(`invalid IP address \`${text}\``);
      return { kind: 'cidr', cidr };
    }
    case 'cidr':
      if (parseCidr(text) === null) throw fail(`invalid CIDR \`${text}\``);
      return { kind, cidr: text };
    case 'domain':
      return { kind, domain: named(normalizeDomain) };
    case 'domainSuffix':
      return { kind, suffix: named(normalizeSuffix) };
  }
}

function actionOf(action: Action): Action {
  if (action === 'allow' || action === 'deny') return action;
  throw new Error(`unknown action \`${String(action)}\` (expected allow | deny)`);
}
