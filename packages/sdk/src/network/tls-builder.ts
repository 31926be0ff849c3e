/** TLS settings as `TlsBuilder.build` returns them. */
export interface TlsOptions {
  enabled: boolean;
  bypass: string[];
  verifyUpstream: boolean;
  interceptedPorts: number[];
  blockQuic: boolean;
  upstreamCaCertPaths: string[];
  scopedUpstreamCaCerts: { pattern: string; path: string }[];
  scopedVerifyUpstream: { pattern: string; verify: boolean }[];
  interceptCaCertPath?: string;
  interceptCaKeyPath?: string;
}

const MAX_PORT = 65_535;

/** Opens the guest's TLS connections on the host, so that secrets can be put in. Patterns: `name` or `*.suffix`. */
export class TlsBuilder {
  readonly #options: TlsOptions = {
    enabled: true,
    bypass: [],
    verifyUpstream: true,
    interceptedPorts: [443],
    blockQuic: true,
    upstreamCaCertPaths: [],
    scopedUpstreamCaCerts: [],
    scopedVerifyUpstream: [],
  };

  /** Leaves connections to these hosts alone; no secret gets into them. */
  bypass(pattern: string): this {
    this.#options.bypass.push(pattern);
    return this;
  }

  /** Checks the certificates of servers. On by default. */
  verifyUpstream(on: boolean): this {
    this.#options.verifyUpstream = on;
    return this;
  }

  /** The same for some hosts only. */
  verifyUpstreamFor(pattern: string, on: boolean): this {
    this.#options.scopedVerifyUpstream.push({ pattern, verify: on });
    return this;
  }

  /** Ports on which TLS is expected; 443 by default. @throws RangeError */
  interceptedPorts(ports: readonly number[]): this {
    for (const port of ports) {
      if (!(Number.isInteger(port) && port >= 0 && port <= MAX_PORT)) {
        throw new RangeError(`port out of range (0..=${MAX_PORT})`);
      }
    }
    this.#options.interceptedPorts = [...ports];
    return this;
  }

  /** Drops QUIC to those ports, so that clients fall back to TLS over TCP. On by default. */
  blockQuic(on: boolean): this {
    this.#options.blockQuic = on;
    return this;
  }

  /** Trusts the certificates in a PEM file beside the host's own. */
  upstreamCaCert(path: string): this {
    this.#options.upstreamCaCertPaths.push(path);
    return this;
  }

  /** The same for some hosts only. */
  upstreamCaCertFor(pattern: string, path: string): this {
    this.#options.scopedUpstreamCaCerts.push({ pattern, path });
    return this;
  }

  /** Signs the guest's certificates with this CA instead of the home's own; needs its key too. */
  interceptCaCert(path: string): this {
    this.#options.interceptCaCertPath = path;
    return this;
  }

  interceptCaKey(path: string): this {
    this.#options.interceptCaKeyPath = path;
    return this;
  }

  build(): TlsOptions {
    return structuredClone(this.#options);
  }
}
