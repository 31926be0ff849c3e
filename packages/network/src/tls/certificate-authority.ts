import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { addon, type CertificatePair } from '@microsandbox/native';
import { InvalidConfigError } from '@microsandbox/types';
import { acquireFileLock, writeFileAtomic } from '@microsandbox/utils';
import type { TlsConfig } from '../config/network-config.ts';

/** Where an authority comes from. */
export interface CertificateAuthorityOptions {
  /** Folder `tls` of the home. */
  readonly tlsDir: string;
  readonly interceptCa: TlsConfig['intercept_ca'];
  readonly onWarning: (message: string) => void;
}

/** Two sandboxes that start in a new home wait for each other's authority, not for ever. */
const LOCK_TIMEOUT_MS = 30_000;

/**
 * The authority that signs for intercepted servers (spec: network 13.1): the one that is configured, else the home's,
 * which is made when it is first needed. The certificate is the file's text, unchanged.
 *
 * @throws InvalidConfigError for a configured authority that cannot be used
 */
export async function loadCertificateAuthority(
  options: CertificateAuthorityOptions,
): Promise<CertificatePair> {
  const { cert_path, key_path } = options.interceptCa;
  if (cert_path !== null && key_path !== null) return await configured(cert_path, key_path);
  if (cert_path !== null || key_path !== null) {
    throw failure('intercept CA config is incomplete; set both cert_path and key_path');
  }
  return await ofHome(options);
}

async function configured(certPath: string, keyPath: string): Promise<CertificatePair> {
  const read = (path: string, what: string): Promise<string> =>
    readFile(path, 'utf8').catch((error: Error) => {
      throw failure(`failed to read intercept CA ${what} \`${path}\`: ${error.message}`, error);
    });
  const certificatePem = await read(certPath, 'certificate');
  const keyPem = await read(keyPath, 'key');
  try {
    return await usable({ certificatePem, keyPem });
  } catch (error) {
    const reason = (error as Error).message;
    throw failure(`failed to load intercept CA \`${certPath}\` / \`${keyPath}\`: ${reason}`, error);
  }
}

async function ofHome({ tlsDir, onWarning }: CertificateAuthorityOptions): Promise<CertificatePair> {
  const paths = { certificate: join(tlsDir, 'ca.crt'), key: join(tlsDir, 'ca.key') };
  try {
    await mkdir(tlsDir, { recursive: true, mode: 0o700 });
    await using _lock = await acquireFileLock(join(tlsDir, 'ca.lock'), { timeoutMs: LOCK_TIMEOUT_MS });
    const stored = await Promise.all([readIfPresent(paths.certificate), readIfPresent(paths.key)]);
    const [certificatePem, keyPem] = stored;
    if (certificatePem !== null && keyPem !== null) {
      try {
        return await usable({ certificatePem, keyPem });
      } catch (error) {
        onWarning(
          `the certificate authority in ${tlsDir} cannot be used (${(error as Error).message}); it is kept as ca.crt.unusable and ca.key.unusable, and a new one is made`,
        );
        await rename(paths.certificate, `${paths.certificate}.unusable`);
        await rename(paths.key, `${paths.key}.unusable`);
      }
    }
    const made = await addon().generateCertificateAuthority();
    // A crash between the two leaves a pair that does not fit, which the next start notices.
    await writeFileAtomic(paths.key, made.keyPem);
    await writeFileAtomic(paths.certificate, made.certificatePem, { mode: 0o644 });
    return made;
  } catch (error) {
    onWarning(`the certificate authority is not kept: ${(error as Error).message}`);
    return await addon().generateCertificateAuthority();
  }
}

async function readIfPresent(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** The pair with its key as PKCS#8. @throws Error when it cannot sign */
async function usable({ certificatePem, keyPem }: CertificatePair): Promise<CertificatePair> {
  const certificate = new X509Certificate(certificatePem);
  const key = createPrivateKey(keyPem);
  if (!certificate.ca) throw new Error('the certificate is not one of an authority');
  if (!certificate.checkPrivateKey(key)) throw new Error('the key is not that of the certificate');
  const pair = { certificatePem, keyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString() };
  // Whether it can sign shows when it does.
  await addon().issueCertificate({ authority: pair, name: 'localhost', validityHours: 1 });
  return pair;
}

function failure(reason: string, cause?: unknown): InvalidConfigError {
  return new InvalidConfigError(`TLS initialization failed: ${reason}`, { cause });
}
