import { X509Certificate } from 'node:crypto';
import { getCACertificates } from 'node:tls';

/** Certificates that the operating system trusts, as PEM with LF, each once. */
export function hostRoots(): string[] {
  return distinctCertificates(getCACertificates('system'));
}

/** Certificates without those that say the same bytes again; what cannot be read is left out. */
export function distinctCertificates(pems: readonly string[]): string[] {
  const byDigest = new Map<string, string>();
  // Stores hold the same text often, and comparing that is much quicker than reading certificates.
  for (const pem of new Set(pems)) {
    try {
      const certificate = new X509Certificate(pem);
      if (!byDigest.has(certificate.fingerprint256)) {
        byDigest.set(certificate.fingerprint256, `${certificate.toString().replaceAll('\r', '').trim()}\n`);
      }
    } catch {
      // A store may hold what OpenSSL does not read; nothing can be verified with that.
    }
  }
  return [...byDigest.values()];
}

/** The certificates in a file, in its order. */
export function certificatesIn(text: string): string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}
