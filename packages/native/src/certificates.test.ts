import { execFile } from 'node:child_process';
import { createHash, createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { InvalidConfigError } from '@microsandbox/types';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { CertificatePair } from './certificates.ts';
import { addon } from './load-addon.ts';

const run = promisify(execFile);

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'msb-certificates-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

async function openssl(...args: string[]): Promise<string> {
  return (await run('openssl', args, { timeout: 20_000 })).stdout;
}

function issue(authority: CertificatePair, name: string, validityHours = 24): Promise<CertificatePair> {
  return addon().issueCertificate({ authority, name, validityHours });
}

/** Text of a certificate as openssl reads it. */
async function textOf(certificatePem: string): Promise<string> {
  const path = join(folder(), 'certificate.pem');
  writeFileSync(path, certificatePem);
  return await openssl('x509', '-in', path, '-noout', '-text');
}

describe('an authority', () => {
  it('is what the reference makes', async () => {
    const { certificatePem, keyPem } = await addon().generateCertificateAuthority();
    expect(keyPem).toMatch(/^-----BEGIN PRIVATE KEY-----/);
    const certificate = new X509Certificate(certificatePem);
    expect(certificate.checkPrivateKey(createPrivateKey(keyPem))).toBe(true);
    expect(certificate.ca).toBe(true);
    expect(certificate.subject).toBe('CN=microsandbox CA\nO=microsandbox');
    expect(certificate.issuer).toBe(certificate.subject);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.validFromDate.toISOString()).toBe('1975-01-01T00:00:00.000Z');
    expect(certificate.validToDate.toISOString()).toBe('4096-01-01T00:00:00.000Z');
    // An uncompressed point is the last 65 bytes of the key.
    const point = certificate.publicKey.export({ type: 'spki', format: 'der' }).subarray(-65);
    const serial = createHash('sha256').update(point).digest().subarray(0, 20);
    serial.writeUInt8(serial.readUInt8(0) & 0x7f, 0);
    expect(BigInt(`0x${certificate.serialNumber}`)).toBe(BigInt(`0x${serial.toString('hex')}`));
    const text = await textOf(certificatePem);
    expect(text).toMatch(/Signature Algorithm: ecdsa-with-SHA256/);
    expect(text).toMatch(/Key Usage: critical\s+Certificate Sign, CRL Sign\s/);
    expect(text).toMatch(/Basic Constraints: critical\s+CA:TRUE\s/);
    expect(text).toMatch(/Subject Key Identifier/);
  });

  it('is another one each time', async () => {
    const [one, two] = await Promise.all([
      addon().generateCertificateAuthority(),
      addon().generateCertificateAuthority(),
    ]);
    expect(one.keyPem).not.toBe(two.keyPem);
  });
});

describe("a server's certificate", () => {
  it('is for one name, for a while, and verified by its authority', async () => {
    const authority = await addon().generateCertificateAuthority();
    const before = Date.now();
    const { certificatePem, keyPem } = await issue(authority, 'api.example.com');
    const certificate = new X509Certificate(certificatePem);
    expect(certificate.checkPrivateKey(createPrivateKey(keyPem))).toBe(true);
    expect(certificate.subject).toBe('CN=api.example.com');
    expect(certificate.subjectAltName).toBe('DNS:api.example.com');
    expect(certificate.ca).toBe(false);
    expect(certificate.checkIssued(new X509Certificate(authority.certificatePem))).toBe(true);
    const validFrom = certificate.validFromDate.getTime();
    expect(validFrom).toBeGreaterThanOrEqual(before - 3000);
    expect(validFrom).toBeLessThanOrEqual(Date.now() - 1000);
    const life = certificate.validToDate.getTime() - validFrom;
    expect(Math.abs(life - 24 * 3_600_000 - 2000)).toBeLessThanOrEqual(1000);
    const text = await textOf(certificatePem);
    expect(text).toMatch(/Key Usage: critical\s+Digital Signature, Key Encipherment\s/);
    expect(text).toMatch(/Extended Key Usage:\s+TLS Web Server Authentication\s/);
    expect(text).toMatch(/CA:FALSE/);
    expect(text).toMatch(/Authority Key Identifier/);
    const dir = folder();
    writeFileSync(join(dir, 'ca.pem'), authority.certificatePem);
    writeFileSync(join(dir, 'leaf.pem'), certificatePem);
    const check = ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', join(dir, 'ca.pem')];
    expect(await openssl(...check, join(dir, 'leaf.pem'))).toContain('OK');
  });

  it.each([
    ['192.0.2.7', 'IP Address:192.0.2.7'],
    ['2001:db8::7', 'IP Address:2001:DB8:0:0:0:0:0:7'],
  ])('can be for the address %s', async (name, expected) => {
    const { certificatePem } = await issue(await addon().generateCertificateAuthority(), name);
    expect(new X509Certificate(certificatePem).subjectAltName).toBe(expected);
  });

  it.each(['rsa', 'prime256v1', 'secp384r1'])(
    'is signed by an authority of openssl with %s',
    async (kind) => {
      const dir = folder();
      const [key, ca] = [join(dir, 'key.pem'), join(dir, 'ca.pem')];
      const algorithm = kind === 'rsa' ? ['rsa:2048'] : ['ec', '-pkeyopt', `ec_paramgen_curve:${kind}`];
      const subject = ['-subj', '/C=DE/O=Wörter & Co/CN=Own CA', '-utf8', '-days', '30'];
      await openssl(
        'req',
        '-x509',
        '-nodes',
        '-newkey',
        ...algorithm,
        ...subject,
        '-keyout',
        key,
        '-out',
        ca,
      );
      const authority = { certificatePem: readFileSync(ca, 'utf8'), keyPem: readFileSync(key, 'utf8') };
      const { certificatePem } = await issue(authority, 'x.test');
      writeFileSync(join(dir, 'leaf.pem'), certificatePem);
      expect(await openssl('verify', '-CAfile', ca, join(dir, 'leaf.pem'))).toContain('OK');
    },
  );

  it('is refused with the reason', async () => {
    const authority = await addon().generateCertificateAuthority();
    const failure = async (promise: Promise<unknown>): Promise<unknown> => {
      const error = await promise.catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(InvalidConfigError);
      return (error as Error).message;
    };
    expect(await failure(issue(authority, 'bücher.example'))).toMatch(/^certificate for bücher.example: /);
    expect(await failure(issue({ ...authority, keyPem: 'x' }, 'a.test'))).toMatch(/authority's key: /);
    expect(await failure(issue({ ...authority, certificatePem: 'x' }, 'a.test'))).toMatch(/authority: /);
    expect(await failure(issue(authority, 'a.test', 1e12))).toMatch(/it would end after/);
    const { privateKey } = generateKeyPairSync('ed448');
    const keyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    expect(await failure(issue({ ...authority, keyPem }, 'a.test'))).toMatch(/authority's key: /);
  });
});
