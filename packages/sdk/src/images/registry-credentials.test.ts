import { mkdir, readFile, writeFile } from 'node:fs/promises';
import type { Keyring } from '@microsandbox/image';
import { hostConfigPath } from '@microsandbox/utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TestHome, testHome } from '../../test/test-home.ts';
import { listRegistries, loginRegistry, logoutRegistry } from './registry-credentials.ts';

type Stored = { readonly username: string; readonly password: string };

/** A keyring that lasts as long as the test. */
function memoryKeyring(entries = new Map<string, Stored>()): Keyring & { readonly entries: typeof entries } {
  return {
    entries,
    read: async (registry) => entries.get(registry) ?? null,
    write: async (registry, credentials) => {
      entries.set(registry, credentials);
    },
    remove: async (registry) => entries.delete(registry),
  };
}

const locked: Keyring = {
  read: () => Promise.reject(new Error('locked')),
  write: () => Promise.reject(new Error('locked')),
  remove: () => Promise.reject(new Error('locked')),
};

let home: TestHome;
let configFile: string;
beforeEach(async () => {
  home = await testHome();
  configFile = hostConfigPath(home.backend.env);
});
afterEach(() => home[Symbol.asyncDispose]());

describe('credentials of registries', () => {
  it('go to the keyring, and only their name to the settings', async () => {
    const other = { insecure: true, future: 1 };
    await writeFile(configFile, JSON.stringify({ later: 1, registries: { hosts: { 'r.test': other } } }));
    const keyring = memoryKeyring();
    await loginRegistry(home.backend, 'r.test', { username: 'me', password: 'hidden' }, keyring);
    await loginRegistry(home.backend, 'a.test:5000', { username: 'you', password: 'x' }, keyring);
    expect(keyring.entries.get('r.test')).toEqual({ username: 'me', password: 'hidden' });
    const text = await readFile(configFile, 'utf8');
    expect(text).not.toContain('hidden');
    expect(JSON.parse(text)).toEqual({
      later: 1,
      registries: {
        hosts: {
          'r.test': { ...other, auth: { username: 'me', store: 'keyring' } },
          'a.test:5000': { auth: { username: 'you', store: 'keyring' } },
        },
      },
    });
    expect(await listRegistries(home.backend)).toEqual([
      { registry: 'a.test:5000', username: 'you', source: 'keyring' },
      { registry: 'r.test', username: 'me', source: 'keyring' },
    ]);
    expect(await logoutRegistry(home.backend, 'r.test', keyring)).toBe(true);
    expect(await logoutRegistry(home.backend, 'a.test:5000', keyring)).toBe(true);
    expect(JSON.parse(await readFile(configFile, 'utf8'))).toEqual({
      later: 1,
      registries: { hosts: { 'r.test': other } },
    });
    expect([...keyring.entries]).toEqual([]);
    expect(await logoutRegistry(home.backend, 'r.test', keyring)).toBe(false);
  });

  it('are as before when the settings cannot be written', async () => {
    await mkdir(configFile, { recursive: true });
    const before = { username: 'old', password: 'o' };
    for (const entries of [new Map<string, Stored>(), new Map([['r.test', before]])]) {
      const keyring = memoryKeyring(new Map(entries));
      const login = loginRegistry(home.backend, 'r.test', { username: 'me', password: 'p' }, keyring);
      await expect(login).rejects.toThrow();
      expect(keyring.entries).toEqual(entries);
    }
  });

  it('need a keyring, unless a file is asked for', async () => {
    const login = { username: 'me', password: 'p' };
    await expect(loginRegistry(home.backend, 'r.test', login, locked)).rejects.toMatchObject({
      message: 'secure credential storage is unavailable for `r.test`: locked',
      hint: expect.stringContaining('--store file'),
    });
    expect(await listRegistries(home.backend)).toEqual([]);
    await loginRegistry(home.backend, 'r.test', { ...login, store: 'file' }, locked);
    expect(await listRegistries(home.backend)).toMatchObject([{ source: 'secret_name' }]);
    expect(await logoutRegistry(home.backend, 'r.test', locked)).toBe(true);
  });

  it('of every source are listed by it', async () => {
    const auth = (source: object) => ({ auth: { username: 'u', ...source } });
    const hosts = {
      a: auth({ password_env: 'A' }),
      b: auth({}),
      c: auth({ store: 'keyring', secret_name: 's' }),
      d: { insecure: true },
    };
    await writeFile(configFile, JSON.stringify({ registries: { hosts } }));
    expect((await listRegistries(home.otherBackend())).map(({ source }) => source)).toEqual([
      'password_env',
      'unset',
      'multiple',
    ]);
  });
});
