import { X509Certificate } from 'node:crypto';
import { getCACertificates } from 'node:tls';
import { InvalidConfigError } from '@microsandbox/types';

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/**
 * The certificates to trust when some are added to the usual ones; undefined when none are. Each entry is PEM text
 * with one or more certificates.
 *
 * @throws {InvalidConfigError} when an entry holds none, or a broken one.
 */
export function trustedRoots(extra: readonly Buffer[]): string[] | undefined {
  if (extra.length === 0) return undefined;
  return [...getCACertificates('default'), ...extra.flatMap(certificatesOf)];
}

function certificatesOf(pem: Buffer, entry: number): string[] {
  const blocks = pem.toString('latin1').match(BLOCK);
  if (blocks === null) {
    throw new InvalidConfigError(
      `invalid PEM certificate: entry ${entry}: no certificates found in PEM data`,
    );
  }
  for (const block of blocks) {
    try {
      new X509Certificate(block);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new InvalidConfigError(`invalid PEM certificate: entry ${entry}: failed to parse: ${reason}`, {
        cause,
      });
    }
  }
  return blocks;
}
