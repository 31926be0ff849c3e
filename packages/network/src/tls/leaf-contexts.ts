import { createSecureContext, type SecureContext } from 'node:tls';
import { addon, type CertificatePair } from '@microsandbox/native';

export interface LeafContextsOptions {
  readonly authority: CertificatePair;
  /** Certificates that are kept; 0 for {@link DEFAULT_CAPACITY}. */
  readonly capacity: number;
  readonly validityHours: number;
}

const DEFAULT_CAPACITY = 1000;
/** A certificate with less left is not used for another connection. */
const RENEWAL_MS = 5 * 60_000;
const HOUR_MS = 3_600_000;

interface Leaf {
  readonly context: Promise<SecureContext>;
  readonly expiresAt: number;
}

/** Certificates of intercepted servers, the latest used ones kept (spec: network 13.2). */
export class LeafContexts {
  readonly #options: LeafContextsOptions;
  readonly #capacity: number;
  /** In the order of their use. */
  readonly #leaves = new Map<string, Leaf>();

  constructor(options: LeafContextsOptions) {
    this.#options = options;
    this.#capacity = options.capacity === 0 ? DEFAULT_CAPACITY : options.capacity;
  }

  /**
   * What a server of this name shows: its certificate, then the authority's.
   *
   * @throws InvalidConfigError for a name that no certificate can have
   */
  contextOf(serverName: string): Promise<SecureContext> {
    const name = serverName.toLowerCase();
    const known = this.#leaves.get(name);
    this.#leaves.delete(name);
    const isFresh = known !== undefined && known.expiresAt - Date.now() > RENEWAL_MS;
    const leaf = isFresh ? known : this.#issue(name);
    this.#leaves.set(name, leaf);
    const [oldest] = this.#leaves.keys();
    if (this.#leaves.size > this.#capacity && oldest !== undefined) this.#leaves.delete(oldest);
    return leaf.context;
  }

  #issue(name: string): Leaf {
    const { validityHours } = this.#options;
    const leaf = { context: this.#make(name), expiresAt: Date.now() + validityHours * HOUR_MS };
    // The next connection tries again.
    leaf.context.catch(() => {
      if (this.#leaves.get(name) === leaf) this.#leaves.delete(name);
    });
    return leaf;
  }

  async #make(name: string): Promise<SecureContext> {
    const { authority, validityHours } = this.#options;
    const { certificatePem, keyPem } = await addon().issueCertificate({ authority, name, validityHours });
    return createSecureContext({ cert: certificatePem + authority.certificatePem, key: keyPem });
  }
}
