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
    host: hostConfigSchema.parse({ registries }),
    layout: homeLayout(home),
    // No Docker client, no keyring of the person who runs the tests.
    env: { HOME: home, PASSWORD: 'from-env' },
    options: configure?.(new RegistryConfigBuilder()).take(),
  });

describe('registryAccess', () => {
  it('is anonymous over TLS when nothing says otherwise', async () => {
    expect(await access({})).toEqual({ insecureHosts: [], caCerts: [] });
  });

  it('joins what the settings and the call say', async () => {
    const pem = join(home, 'ca.pem');
    await writeFile(pem, 'one');
    const hosts = { 'a.test': { insecure: true }, 'b.test': {} };
    expect(await access({ ca_certs: pem, hosts }, (b) => b.insecure().caCerts(Buffer.from('two')))).toEqual({
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

  it('names the file that cannot be read', async () => {
    await expect(access({ ca_certs: '/no/such.pem' })).rejects.toThrow(
      'invalid config: failed to read CA certs from `/no/such.pem`: ',
    );
  });
});
