import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { addon, type CertificatePair } from '@microsandbox/native';
import { SeededRandom } from '@microsandbox/test-utils';
import { InvalidConfigError } from '@microsandbox/types';
import { describe, expect, it } from 'vitest';
import { clientHelloOf } from '../../test-support/client-hello-of.ts';
import { tempDir } from '../../test-support/temp-dir.ts';
import type { TlsConfig } from '../config/network-config.ts';
import { completeNetworkConfig } from '../config/network-settings.ts';
import { loadCertificateAuthority } from './certificate-authority.ts';
import { readHelloName } from './client-hello.ts';
import { guestCaFiles } from './guest-ca-files.ts';
import { distinctCertificates } from './host-roots.ts';
import { parseHostScope, scopeIncludes, specificityOf } from './host-scope.ts';
import { LeafContexts } from './leaf-contexts.ts';
import { UpstreamTrust } from './upstream-trust.ts';

const OF_HOME: TlsConfig['intercept_ca'] = { cert_path: null, key_path: null };

function load(tlsDir: string, interceptCa = OF_HOME, warnings: string[] = []): Promise<CertificatePair> {
  return loadCertificateAuthority({ tlsDir, interceptCa, onWarning: (message) => warnings.push(message) });
}

describe('the authority of a home', () => {
  it('is made once, whoever comes first', async () => {
    const dir = join(tempDir(), 'tls');
    const pairs = await Promise.all([load(dir), load(dir), load(dir)]);
    expect(new Set(pairs.map(({ certificatePem }) => certificatePem)).size).toBe(1);
    expect(readFileSync(join(dir, 'ca.crt'), 'utf8')).toBe(pairs[0]?.certificatePem);
    expect(statSync(join(dir, 'ca.key')).mode & 0o777).toBe(0o600);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    expect((await load(dir)).keyPem).toBe(pairs[0]?.keyPem);
  });

  it('is replaced with a warning, and kept aside, when it cannot be used', async () => {
    const dir = join(tempDir(), 'tls');
    const first = await load(dir);
    const other = await addon().generateCertificateAuthority();
    for (const broken of ['', 'nonsense', other.keyPem]) {
      const certificate = readFileSync(join(dir, 'ca.crt'), 'utf8');
      writeFileSync(join(dir, 'ca.key'), broken);
      const warnings: string[] = [];
      const pair = await load(dir, OF_HOME, warnings);
      expect(pair.certificatePem).not.toBe(first.certificatePem);
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toContain('cannot be used');
      expect(readFileSync(join(dir, 'ca.crt.unusable'), 'utf8')).toBe(certificate);
      expect(readFileSync(join(dir, 'ca.key.unusable'), 'utf8')).toBe(broken);
    }
    expect(readdirSync(dir).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('works for the one sandbox where it cannot be kept', async () => {
    const dir = tempDir();
    writeFileSync(join(dir, 'tls'), 'a file');
    const warnings: string[] = [];
    expect(new X509Certificate((await load(join(dir, 'tls'), OF_HOME, warnings)).certificatePem).ca).toBe(
      true,
    );
    expect(warnings[0]).toContain('is not kept');
  });
});

describe('a configured authority', () => {
  it('is served as it stands in its file', async () => {
    const dir = tempDir();
    const made = await addon().generateCertificateAuthority();
    const certificatePem = `# ours\n${made.certificatePem}`;
    writeFileSync(join(dir, 'own.pem'), certificatePem);
    writeFileSync(join(dir, 'own.key'), made.keyPem);
    const interceptCa = { cert_path: join(dir, 'own.pem'), key_path: join(dir, 'own.key') };
    expect(await load(join(dir, 'tls'), interceptCa)).toEqual({ certificatePem, keyPem: made.keyPem });
    expect(readdirSync(dir)).toEqual(['own.key', 'own.pem']);
  });

  it('fails with the words of the reference', async () => {
    const dir = tempDir();
    const [cert_path, key_path] = [join(dir, 'c'), join(dir, 'k')];
    const failure = async (interceptCa: TlsConfig['intercept_ca']): Promise<string> => {
      const error = await load(dir, interceptCa).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(InvalidConfigError);
      return (error as Error).message;
    };
    const prefix = 'TLS initialization failed: ';
    expect(await failure({ cert_path, key_path: null })).toBe(
      `${prefix}intercept CA config is incomplete; set both cert_path and key_path`,
    );
    const both = { cert_path, key_path };
    expect(await failure(both)).toContain(
      `${prefix}failed to read intercept CA certificate \`${cert_path}\`: `,
    );
    writeFileSync(cert_path, 'x');
    expect(await failure(both)).toContain(`${prefix}failed to read intercept CA key \`${key_path}\`: `);
    writeFileSync(key_path, 'x');
    expect(await failure(both)).toContain(`failed to load intercept CA \`${cert_path}\` / \`${key_path}\`: `);
    const authority = await addon().generateCertificateAuthority();
    const leaf = await addon().issueCertificate({ authority, name: 'a.test', validityHours: 1 });
    writeFileSync(cert_path, leaf.certificatePem);
    writeFileSync(key_path, leaf.keyPem);
    expect(await failure(both)).toContain('the certificate is not one of an authority');
    writeFileSync(cert_path, authority.certificatePem);
    expect(await failure(both)).toContain('the key is not that of the certificate');
  });
});

describe('certificates of servers', () => {
  it('are kept for a while, the latest used ones', async () => {
    const authority = await addon().generateCertificateAuthority();
    const leaves = new LeafContexts({ authority, capacity: 2, validityHours: 24 });
    const first = leaves.contextOf('A.test');
    expect(leaves.contextOf('a.test')).toBe(first);
    leaves.contextOf('b.test');
    leaves.contextOf('a.test');
    leaves.contextOf('c.test');
    expect(leaves.contextOf('a.test')).toBe(first);
    await expect(leaves.contextOf('bücher.test')).rejects.toBeInstanceOf(InvalidConfigError);
    // Less than five minutes left at once.
    const short = new LeafContexts({ authority, capacity: 0, validityHours: 0.05 });
    expect(short.contextOf('a.test')).not.toBe(short.contextOf('a.test'));
  });
});

describe('host patterns', () => {
  it.each<[string, string, boolean]>([
    ['a.test', 'A.test.', true],
    ['a.test', 'x.a.test', false],
    ['*.Corp.', 'corp', true],
    ['*.corp', 'x.y.corp', true],
    ['*.corp', 'evilcorp', false],
    ['*', 'a.test', false],
    ['*.', 'a.test', false],
  ])('%s for %s', (pattern, host, expected) => {
    expect(scopeIncludes(parseHostScope(pattern), host)).toBe(expected);
  });

  it('of one name are narrower than those of its suffix', () => {
    const narrow = (pattern: string) => specificityOf(parseHostScope(pattern));
    expect(narrow('a.test')).toBeGreaterThan(narrow('*.a.test'));
    expect(narrow('*.b.a.test')).toBeGreaterThan(narrow('a.test'));
  });
});

describe('trust in servers', () => {
  it('follows the narrowest setting', async () => {
    const dir = tempDir();
    const { certificatePem } = await addon().generateCertificateAuthority();
    writeFileSync(join(dir, 'ca.pem'), certificatePem);
    const warnings: string[] = [];
    const config = {
      ...completeNetworkConfig({}).tls,
      upstream_ca_cert: [join(dir, 'missing.pem')],
      scoped_upstream_ca_cert: [{ pattern: '*.corp', path: join(dir, 'ca.pem') }],
      scoped_verify_upstream: [
        { pattern: '*.lab.corp', verify: false },
        { pattern: 'safe.lab.corp', verify: true },
        { pattern: 'plain.test', verify: true },
      ],
    };
    const trust = await UpstreamTrust.load(config, (message) => warnings.push(message));
    expect(warnings).toEqual([expect.stringContaining('missing.pem')]);
    expect(trust.of('a.corp').rejectUnauthorized).toBe(true);
    expect(trust.of('x.lab.corp').rejectUnauthorized).toBe(false);
    // A setting that changes nothing is none, so a broader one counts.
    expect(trust.of('safe.lab.corp')).toBe(trust.of('x.lab.corp'));
    expect(trust.of('plain.test')).toBe(trust.of('else.test'));
    expect(trust.of('a.corp')).toBe(trust.of('corp'));
    expect(trust.of('a.corp')).not.toBe(trust.of('else.test'));
  });
});

describe('certificate files of a guest', () => {
  it('are those that are wanted; others have to go', async () => {
    expect(await guestCaFiles({ authorityPem: 'PEM', trustHostCas: false })).toEqual([
      { path: 'tls/ca.pem', content: 'PEM' },
      { path: 'tls/host-cas.pem', content: null },
    ]);
    const [ca, host] = await guestCaFiles({ authorityPem: null, trustHostCas: true });
    expect(ca?.content).toBeNull();
    const certificates = host?.content?.match(/-----BEGIN CERTIFICATE-----[^-]+/g) ?? [];
    expect(new Set(certificates).size).toBe(certificates.length);
    expect(host?.content ?? '').not.toContain('\r');
  });

  it('hold a certificate once, however it is written', async () => {
    const { certificatePem } = await addon().generateCertificateAuthority();
    const windows = certificatePem.replaceAll('\n', '\r\n');
    expect(distinctCertificates([certificatePem, windows, 'nonsense'])).toEqual([certificatePem]);
  });
});

describe('the server name in a ClientHello', () => {
  it('is found when all of it is there', async () => {
    const hello = await clientHelloOf('Api.Example.com');
    expect(readHelloName(hello)).toEqual({ kind: 'name', name: 'api.example.com' });
    for (let length = 0; length < hello.length; length += 1) {
      expect(readHelloName(hello.subarray(0, length))).toEqual({ kind: 'incomplete' });
    }
    expect(readHelloName(Buffer.concat([hello, Buffer.from('more')]))).toMatchObject({ kind: 'name' });
    expect(readHelloName(await clientHelloOf(''))).toEqual({ kind: 'name', name: null });
    expect(readHelloName(Buffer.from('GET / HTTP/1.1'))).toEqual({ kind: 'other' });
  });

  it('is read from any bytes without a failure', async () => {
    const hello = await clientHelloOf('api.example.com');
    const random = new SeededRandom(5);
    for (let round = 0; round < 20_000; round += 1) {
      const bytes = Buffer.from(hello.subarray(0, 1 + random.below(hello.length)));
      for (let count = random.below(8); count > 0; count -= 1)
        bytes[random.below(bytes.length)] = random.below(256);
      const found = readHelloName(bytes);
      if (found.kind === 'name' && found.name !== null) expect(found.name.length).toBeLessThan(65_536);
    }
  });
});
