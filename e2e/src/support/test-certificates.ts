import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRun } from '@microsandbox/test-utils';

/** What {@link makeTestCertificates} writes. */
export interface TestCertificates {
  /** Of the authority that signed those of the hosts. */
  readonly authority: string;
}

/**
 * Writes `hosts.crt` and `hosts.key` into a folder, good for all the names, and `liar.crt` and `liar.key`, which claim
 * the first name and are signed by themselves.
 */
export async function makeTestCertificates(
  folder: string,
  names: readonly [string, ...string[]],
): Promise<TestCertificates> {
  const openssl = (...args: string[]) => mustRun('openssl', args, { cwd: folder });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const subject = (text: string) => ['-subj', `/CN=${text}`];
  const certified = (list: readonly string[]) =>
    `subjectAltName=${list.map((name) => `DNS:${name}`).join(',')}`;
  await writeFile(join(folder, 'names'), certified(names));
  await openssl(
    'req',
    '-x509',
    ...key,
    ...subject('Authority of the tests'),
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
  );
  await openssl('req', ...key, ...subject('Hosts of the tests'), '-keyout', 'hosts.key', '-out', 'hosts.csr');
  const signed = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names', '-days', '2'];
  await openssl('x509', '-req', '-in', 'hosts.csr', '-out', 'hosts.crt', ...signed);
  const liar = ['-addext', certified([names[0]]), '-keyout', 'liar.key', '-out', 'liar.crt'];
  await openssl('req', '-x509', ...key, ...subject(names[0]), ...liar);
  return { authority: join(folder, 'ca.crt') };
}
