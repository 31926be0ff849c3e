import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { TlsConfig } from '../config/network-config.ts';
import { certificatesIn, hostRoots } from './host-roots.ts';
import { type HostScope, parseHostScope, scopeIncludes, specificityOf } from './host-scope.ts';

/** How one server is verified. */
export interface ServerTrust {
  readonly secureContext: SecureContext;
  readonly rejectUnauthorized: boolean;
}

/** Settings for some servers, beside those for all. */
interface ScopedTrust {
  readonly scope: HostScope;
  readonly verify: boolean;
  readonly extraRoots: readonly string[];
}

/**
 * Which certificates of servers are trusted (spec: network 13.5): the host's roots and those of the configuration,
 * with exceptions for some hosts of which the narrowest counts.
 */
export class UpstreamTrust {
  readonly #roots: readonly string[];
  readonly #verify: boolean;
  /** Narrowest first. */
  readonly #scoped: readonly ScopedTrust[];
  readonly #made = new Map<ScopedTrust | null, ServerTrust>();

  private constructor(roots: readonly string[], verify: boolean, scoped: readonly ScopedTrust[]) {
    this.#roots = roots;
    this.#verify = verify;
    this.#scoped = scoped;
  }

  /** Reads the files of certificates; one that cannot be read is a warning. */
  static async load(config: TlsConfig, onWarning: (message: string) => void): Promise<UpstreamTrust> {
    const read = (path: string): Promise<string[]> => readCertificates(path, onWarning);
    const extra = await Promise.all(config.upstream_ca_cert.map(read));
    const roots = [...(await hostRoots()), ...extra.flat()];
    return new UpstreamTrust(roots, config.verify_upstream, await readScoped(config, read));
  }

  /** Made when it is first needed, since reading some hundred roots takes milliseconds. */
  of(serverName: string): ServerTrust {
    const scoped = this.#scoped.find(({ scope }) => scopeIncludes(scope, serverName)) ?? null;
    const known = this.#made.get(scoped);
    if (known !== undefined) return known;
    const trust: ServerTrust = {
      secureContext: createSecureContext({ ca: [...this.#roots, ...(scoped?.extraRoots ?? [])] }),
      rejectUnauthorized: scoped?.verify ?? this.#verify,
    };
    this.#made.set(scoped, trust);
    return trust;
  }
}

async function readScoped(
  config: TlsConfig,
  read: (path: string) => Promise<string[]>,
): Promise<ScopedTrust[]> {
  const { scoped_upstream_ca_cert: certificates, scoped_verify_upstream: verifications } = config;
  const keyOf = (pattern: string): string => {
    const { kind, name } = parseHostScope(pattern);
    return kind === 'suffix' ? `*.${name}` : name;
  };
  const patterns = new Set([...certificates, ...verifications].map(({ pattern }) => keyOf(pattern)));
  const groups = await Promise.all(
    [...patterns].map(async (pattern): Promise<ScopedTrust> => {
      const files = certificates.filter((entry) => keyOf(entry.pattern) === pattern);
      const extraRoots = (await Promise.all(files.map(({ path }) => read(path)))).flat();
      const verify = verifications.findLast((entry) => keyOf(entry.pattern) === pattern)?.verify;
      return { scope: parseHostScope(pattern), verify: verify ?? config.verify_upstream, extraRoots };
    }),
  );
  return groups
    .filter(({ verify, extraRoots }) => verify !== config.verify_upstream || extraRoots.length > 0)
    .sort((left, right) => specificityOf(right.scope) - specificityOf(left.scope));
}

async function readCertificates(path: string, onWarning: (message: string) => void): Promise<string[]> {
  try {
    const certificates = certificatesIn(await readFile(path, 'utf8'));
    if (certificates.length === 0) onWarning(`upstream CA file ${path} holds no certificate`);
    return certificates;
  } catch (error) {
    onWarning(`upstream CA file cannot be read: ${(error as Error).message}`);
    return [];
  }
}
