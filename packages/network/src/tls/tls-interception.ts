import type { TlsConfig } from '../config/network-config.ts';
import { loadCertificateAuthority } from './certificate-authority.ts';
import { type HostScope, parseHostScope, scopeIncludes } from './host-scope.ts';
import { LeafContexts } from './leaf-contexts.ts';
import { UpstreamTrust } from './upstream-trust.ts';

export interface TlsInterceptionOptions {
  readonly config: TlsConfig;
  /** Folder `tls` of the home. */
  readonly tlsDir: string;
  readonly onWarning: (message: string) => void;
}

/** Everything that interception needs: who signs for servers, and which servers are trusted (spec: network 13). */
export class TlsInterception {
  /** What guests have to trust. */
  readonly authorityPem: string;
  readonly leaves: LeafContexts;
  readonly trust: UpstreamTrust;
  readonly #ports: ReadonlySet<number>;
  readonly #bypass: readonly HostScope[];

  private constructor(config: TlsConfig, authorityPem: string, leaves: LeafContexts, trust: UpstreamTrust) {
    this.authorityPem = authorityPem;
    this.leaves = leaves;
    this.trust = trust;
    this.#ports = new Set(config.intercepted_ports);
    this.#bypass = config.bypass.map(parseHostScope);
  }

  /**
   * Finds or makes the authority, and reads whom to trust.
   *
   * @throws InvalidConfigError for a configured authority that cannot be used
   */
  static async load({ config, tlsDir, onWarning }: TlsInterceptionOptions): Promise<TlsInterception> {
    const [authority, trust] = await Promise.all([
      loadCertificateAuthority({ tlsDir, interceptCa: config.intercept_ca, onWarning }),
      UpstreamTrust.load(config, onWarning),
    ]);
    const { capacity, validity_hours: validityHours } = config.cache;
    const leaves = new LeafContexts({ authority, capacity, validityHours });
    return new TlsInterception(config, authority.certificatePem, leaves, trust);
  }

  interceptsPort(port: number): boolean {
    return this.#ports.has(port);
  }

  /** Connections to this server pass unseen. */
  bypasses(serverName: string): boolean {
    return this.#bypass.some((scope) => scopeIncludes(scope, serverName));
  }
}
