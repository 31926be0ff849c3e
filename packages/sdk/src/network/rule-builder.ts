import { configured } from '../builders/configure.ts';
import type { DestinationGroup } from '../values.ts';
import type { Action, Direction, PortRange, Protocol } from './policy-values.ts';
import { type RawDestination, RuleDestinationBuilder } from './rule-destination-builder.ts';

/** A rule as it was typed; its texts are read when the policy is built. */
export interface RawRule {
  readonly direction: Direction | null;
  readonly destination: RawDestination;
  readonly protocols: readonly Protocol[];
  readonly ports: readonly PortRange[];
  readonly action: Action;
}

type Configure = (builder: RuleDestinationBuilder) => RuleDestinationBuilder;

const MAX_PORT = 65_535;

/**
 * Adds rules. Direction, protocols and ports collect and stay; every `allow…` and `deny…` adds a rule with what was
 * collected so far.
 *
 * @example policy.egress((r) => r.tcp().port(443).allowPublic().allowPrivate())
 */
export class RuleBuilder {
  readonly #rules: RawRule[] = [];
  readonly #protocols = new Set<Protocol>();
  readonly #ports: PortRange[] = [];
  #direction: Direction | null;
  #problem: ((index: number) => Error) | null = null;

  /** @internal Made by {@link NetworkPolicyBuilder}. */
  constructor(direction: Direction | null = null) {
    this.#direction = direction;
  }

  egress(): this {
    return this.#towards('egress');
  }

  ingress(): this {
    return this.#towards('ingress');
  }

  any(): this {
    return this.#towards('any');
  }

  tcp(): this {
    return this.#over('tcp');
  }

  udp(): this {
    return this.#over('udp');
  }

  icmpv4(): this {
    return this.#over('icmpv4');
  }

  icmpv6(): this {
    return this.#over('icmpv6');
  }

  /** @throws RangeError */
  port(port: number): this {
    return this.portRange(port, port);
  }

  /** Ports from `low` to `high`, both included; the policy cannot be built when they are the wrong way round. */
  portRange(low: number, high: number): this {
    for (const port of [low, high]) {
      if (!(Number.isInteger(port) && port >= 0 && port <= MAX_PORT)) {
        throw new RangeError(`port out of range (0..=${MAX_PORT})`);
      }
    }
    if (low > high) {
      this.#problem ??= (index) =>
        new Error(`rule #${index}: invalid port range ${low}..${high}; lo must be <= hi`);
    } else if (!this.#ports.some(({ start, end }) => start === low && end === high)) {
      this.#ports.push({ start: low, end: high });
    }
    return this;
  }

  ports(ports: readonly number[]): this {
    for (const port of ports) this.port(port);
    return this;
  }

  allowPublic(): this {
    return this.#group('allow', 'public');
  }

  denyPublic(): this {
    return this.#group('deny', 'public');
  }

  allowPrivate(): this {
    return this.#group('allow', 'private');
  }

  denyPrivate(): this {
    return this.#group('deny', 'private');
  }

  allowLoopback(): this {
    return this.#group('allow', 'loopback');
  }

  denyLoopback(): this {
    return this.#group('deny', 'loopback');
  }

  allowLinkLocal(): this {
    return this.#group('allow', 'link-local');
  }

  denyLinkLocal(): this {
    return this.#group('deny', 'link-local');
  }

  /** Addresses at which clouds tell machines about themselves. */
  allowMeta(): this {
    return this.#group('allow', 'metadata');
  }

  denyMeta(): this {
    return this.#group('deny', 'metadata');
  }

  allowMulticast(): this {
    return this.#group('allow', 'multicast');
  }

  denyMulticast(): this {
    return this.#group('deny', 'multicast');
  }

  allowHost(): this {
    return this.#group('allow', 'host');
  }

  denyHost(): this {
    return this.#group('deny', 'host');
  }

  /** Loopback, link-local and the host: three rules. */
  allowLocal(): this {
    return this.allowLoopback().allowLinkLocal().allowHost();
  }

  denyLocal(): this {
    return this.denyLoopback().denyLinkLocal().denyHost();
  }

  allowDomain(name: string): this {
    return this.#add('allow', { kind: 'domain', text: name });
  }

  denyDomain(name: string): this {
    return this.#add('deny', { kind: 'domain', text: name });
  }

  allowDomains(names: readonly string[]): this {
    for (const name of names) this.allowDomain(name);
    return this;
  }

  denyDomains(names: readonly string[]): this {
    for (const name of names) this.denyDomain(name);
    return this;
  }

  allowDomainSuffix(suffix: string): this {
    return this.#add('allow', { kind: 'domainSuffix', text: suffix });
  }

  denyDomainSuffix(suffix: string): this {
    return this.#add('deny', { kind: 'domainSuffix', text: suffix });
  }

  allowDomainSuffixes(suffixes: readonly string[]): this {
    for (const suffix of suffixes) this.allowDomainSuffix(suffix);
    return this;
  }

  denyDomainSuffixes(suffixes: readonly string[]): this {
    for (const suffix of suffixes) this.denyDomainSuffix(suffix);
    return this;
  }

  allow(configure: Configure): this {
    return this.#configured('allow', configure);
  }

  deny(configure: Configure): this {
    return this.#configured('deny', configure);
  }

  /** @internal What was added, and the first mistake made meanwhile, which wants the number of the rule. */
  take(): { readonly rules: readonly RawRule[]; readonly problem: ((index: number) => Error) | null } {
    return { rules: this.#rules, problem: this.#problem };
  }

  #configured(action: Action, configure: Configure): this {
    const made = configured(new RuleDestinationBuilder(), configure, RuleDestinationBuilder).take();
    return made === null ? this : this.#add(action, made);
  }

  #group(action: Action, group: DestinationGroup): this {
    return this.#add(action, { kind: 'group', group });
  }

  #add(action: Action, destination: RawDestination): this {
    this.#rules.push({
      direction: this.#direction,
      destination,
      protocols: [...this.#protocols],
      ports: [...this.#ports],
      action,
    });
    return this;
  }

  #towards(direction: Direction): this {
    this.#direction = direction;
    return this;
  }

  #over(protocol: Protocol): this {
    this.#protocols.add(protocol);
    return this;
  }
}
