import { createSecureContext, type SecureContext } from 'node:tls';
import { InvalidConfigError } from '@microsandbox/types';
import { trustedRoots } from './trusted-roots.ts';

/** PEM texts with which a client shows who it is. */
export interface ClientCertificate {
  /** The certificate, and those between it and its root. */
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** How to speak TLS with one host. */
export interface HostTls {
  /** PEM of certificates to trust besides the usual ones, by this host only. */
  readonly caCerts?: readonly Buffer[];
  readonly clientCert?: ClientCertificate;
}

/**
 * The TLS settings for a host; undefined when it needs none of its own.
 *
 * @param caCerts PEM of certificates that every host is trusted with.
 * @throws {InvalidConfigError} when a certificate or key cannot be used.
 */
export function hostSecureContext(
  host: string,
  caCerts: readonly Buffer[],
  tls: HostTls = {},
): SecureContext | undefined {
  const ca = trustedRoots([...caCerts, ...(tls.caCerts ?? [])]);
  const { clientCert } = tls;
  if (ca === undefined && clientCert === undefined) return undefined;
  try {
    return createSecureContext({ ...(ca && { ca }), ...clientCert });
  } catch (cause) {
    throw new InvalidConfigError(
      `invalid client certificate for ${host}: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause, hint: 'give a certificate and its own, unencrypted key, both as PEM' },
    );
  }
}
