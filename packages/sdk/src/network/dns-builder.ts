import { formatNameserver, parseNameserver } from '@microsandbox/network';

/** DNS settings as `DnsBuilder.build` returns them. */
export interface DnsOptions {
  rebindProtection: boolean;
  /** With their ports. */
  nameservers: string[];
  queryTimeoutMs: number;
}

/** How names are resolved for the guest. */
export class DnsBuilder {
  readonly #options: DnsOptions = { rebindProtection: true, nameservers: [], queryTimeoutMs: 5000 };

  /** Refuses answers that point into private networks, unless the policy admits the address. On by default. */
  rebindProtection(on: boolean): this {
    this.#options.rebindProtection = on;
    return this;
  }

  /**
   * Servers that are asked instead of the host's, in this order: `IP`, `IP:PORT`, `HOST` or `HOST:PORT`.
   *
   * @throws InvalidConfigError
   */
  nameservers(servers: readonly string[]): this {
    this.#options.nameservers = servers.map((server) => formatNameserver(parseNameserver(server)));
    return this;
  }

  /** Milliseconds that one server gets to answer; 5000 by default. */
  queryTimeoutMs(ms: number): this {
    this.#options.queryTimeoutMs = Math.max(1, Math.trunc(ms));
    return this;
  }

  build(): DnsOptions {
    return { ...this.#options, nameservers: [...this.#options.nameservers] };
  }
}
