import { type DestinationGroup, DestinationGroups } from '../values.ts';

/** A destination as it was typed; read when the policy is built. */
export type RawDestination =
  | { readonly kind: 'ip' | 'cidr' | 'domain' | 'domainSuffix'; readonly text: string }
  | { readonly kind: 'group'; readonly group: DestinationGroup }
  | { readonly kind: 'any' };

/** Says what a rule is about; the last call counts, and without one there is no rule. */
export class RuleDestinationBuilder {
  #destination: RawDestination | null = null;

  /** One address. */
  ip(address: string): this {
    return this.#choose({ kind: 'ip', text: address });
  }

  /** A block of addresses, such as `10.0.0.0/8`. */
  cidr(cidr: string): this {
    return this.#choose({ kind: 'cidr', text: cidr });
  }

  /** One name. */
  domain(name: string): this {
    return this.#choose({ kind: 'domain', text: name });
  }

  /** A name and everything under it. */
  domainSuffix(suffix: string): this {
    return this.#choose({ kind: 'domainSuffix', text: suffix });
  }

  /** A kind of addresses. @throws Error for an unknown word */
  group(group: DestinationGroup): this {
    if (!DestinationGroups.includes(group)) throw new Error(`unknown destination group \`${group}\``);
    return this.#choose({ kind: 'group', group });
  }

  any(): this {
    return this.#choose({ kind: 'any' });
  }

  /** @internal */
  take(): RawDestination | null {
    return this.#destination;
  }

  #choose(destination: RawDestination): this {
    this.#destination = destination;
    return this;
  }
}
