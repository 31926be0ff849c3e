import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hostConfigSchema } from '@microsandbox/types';
import { homeLayout } from '@microsandbox/utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RegistryConfigBuilder } from '../builders/registry-config-builder.ts';
import { registryAccess } from './registry-access.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'msb-registry-'));
});
afterEach(async () => {
  await rm(home, { recursive: true });
});

const access = (registries: unknown, configure?: (b: RegistryConfigBuilder) => RegistryConfigBuilder) =>
  registryAccess({
    registry: 'r.test:5000',
    contactedHost: 'r.test:5000',
    host: hostConfigSchema.parse({ registries }),
    layout: homeLayout(home),
    // No Docker client, no keyring of the person who runs the tests.
    env: { HOME: home, PASSWORD: 'from-env' },
    options: configure?.(new RegistryConfigBuilder()).take(),
  });

describe('registryAccess', () => {
  it('is anonymous over TLS when nothing says otherwise', async () => {
    expect(await access({})).toMatchObject({ insecureHosts: [], caCerts: [], hosts: {} });
    expect(await access({})).not.toHaveProperty('mirrors');
  });

  it('joins what the settings and the call say', async () => {
    const pem = join(home, 'ca.pem');
    await writeFile(pem, 'one');
    const hosts = { 'a.test': { insecure: true }, 'b.test': {} };
    expect(
      await access({ ca_certs: pem, hosts }, (b) => b.insecure().caCerts(Buffer.from('two'))),
    ).toMatchObject({
      insecureHosts: ['a.test', 'r.test:5000'],
      caCerts: [Buffer.from('one'), Buffer.from('two')],
    });
  });

  it('takes credentials of the call first, then those of the settings', async () => {
    const hosts = { 'r.test:5000': { auth: { username: 'u', password_env: 'PASSWORD' } } };
    expect((await access({ hosts })).auth).toEqual({ username: 'u', password: 'from-env' });
    const own = { kind: 'basic', username: 'me', password: 'mine' } as const;
    expect((await access({ hosts }, (b) => b.auth(own))).auth).toEqual({ username: 'me', password: 'mine' });
    await mkdir(join(home, 'secrets', 'registries'), { recursive: true });
    await writeFile(join(home, 'secrets', 'registries', 'r'), 'from-file\n');
    const secret = { 'r.test:5000': { auth: { username: 'u', secret_name: 'r' } } };
    expect((await access({ hosts: secret })).auth).toEqual({ username: 'u', password: 'from-file' });
  });

  it('knows certificates of single hosts, and mirrors with theirs', async () => {
    const file = async (name: string) => {
      await writeFile(join(home, name), name);
      return join(home, name);
    };
    const hosts = {
      'r.test:5000': { ca_certs: await file('r-ca'), mirrors: ['m.test'] },
      'm.test': {
        client_cert: await file('m-cert'),
        client_key: await file('m-key'),
        auth: { username: 'u', password_env: 'PASSWORD' },
      },
      'other.test': { ca_certs: '/no/such.pem' },
    };
    expect(await access({ hosts })).toMatchObject({
      hosts: {
        'r.test:5000': { caCerts: [Buffer.from('r-ca')] },
        'm.test': { clientCert: { cert: Buffer.from('m-cert'), key: Buffer.from('m-key') } },
      },
      mirrors: [{ host: 'm.test', auth: { username: 'u', password: 'from-env' } }],
    });
    const own = await access({ hosts }, (b) =>
      b.mirror('first.test').clientCert(Buffer.from('c'), Buffer.from('k')),
    );
    expect(own.mirrors?.map(({ host }) => host)).toEqual(['first.test', 'm.test']);
    expect(own.hosts?.['r.test:5000']).toMatchObject({
      clientCert: { cert: Buffer.from('c'), key: Buffer.from('k') },
    });
  });

  it('needs both parts of a client certificate', async () => {
    const hosts = { 'r.test:5000': { client_cert: join(home, 'c') } };
    await expect(access({ hosts })).rejects.toThrow('failed to read client certificate from `');
    await writeFile(join(home, 'c'), 'c');
    await expect(access({ hosts })).rejects.toThrow(
      'registries.hosts.r.test:5000 needs both client_cert and client_key',
    );
  });

  it('names the file that cannot be read', async () => {
    await expect(access({ ca_certs: '/no/such.pem' })).rejects.toThrow(
      'invalid config: failed to read CA certs from `/no/such.pem`: ',
    );
  });
});
