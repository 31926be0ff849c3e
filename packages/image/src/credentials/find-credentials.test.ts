import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FindCredentialsOptions, findCredentials } from './find-credentials.ts';
import type { Keyring } from './keyring.ts';

let home: string;
let env: NodeJS.ProcessEnv;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'credentials-'));
  env = { HOME: home, PATH: `${home}${delimiter}${process.env['PATH']}` };
});
afterEach(() => rm(home, { recursive: true, force: true }));

const empty: Keyring = {
  read: async () => null,
  write: async () => undefined,
  remove: async () => false,
};
const broken: Keyring = { ...empty, read: async () => Promise.reject(new Error('locked')) };
const alice = { username: 'alice', password: 'a:b' };
const encode = ({ username, password }: typeof alice): string =>
  Buffer.from(`${username}:${password}`).toString('base64');

function find(
  registry: string,
  more: Partial<FindCredentialsOptions> = {},
): ReturnType<typeof findCredentials> {
  return findCredentials({ registry, secretsDir: join(home, 'secrets'), env, keyring: empty, ...more });
}

async function writeDockerConfig(config: unknown): Promise<void> {
  await mkdir(join(home, '.docker'), { recursive: true });
  await writeFile(
    join(home, '.docker/config.json'),
    typeof config === 'string' ? config : JSON.stringify(config),
  );
}

/** A helper that logs what it is asked for. */
async function writeHelper(name: string, script: string): Promise<void> {
  const path = join(home, `docker-credential-${name}`);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
}

describe('findCredentials', () => {
  it('finds none where there are none', async () => {
    expect(await find('x.io')).toBeUndefined();
    expect(await find('x.io', { keyring: broken })).toBeUndefined();
  });

  it('takes the keyring first', async () => {
    await writeDockerConfig({ auths: { 'x.io': { auth: encode({ username: 'bob', password: 'b' }) } } });
    const keyring: Keyring = { ...empty, read: async (registry) => (registry === 'x.io' ? alice : null) };
    expect(await find('x.io', { keyring })).toEqual(alice);
  });

  it('takes a password from the environment or a secret', async () => {
    await mkdir(join(home, 'secrets/registries'), { recursive: true });
    await writeFile(join(home, 'secrets/registries/token'), ' s3cret\n');
    const hosts = {
      'env.io': { insecure: false, auth: { username: 'u', password_env: 'TOKEN' } },
      'secret.io': { insecure: false, auth: { username: 'u', secret_name: 'token' } },
      'plain.io': { insecure: true },
    };
    expect(await find('env.io', { hosts, env: { ...env, TOKEN: 'x' } })).toEqual({
      username: 'u',
      password: 'x',
    });
    expect(await find('secret.io', { hosts })).toEqual({ username: 'u', password: 's3cret' });
    expect(await find('plain.io', { hosts })).toBeUndefined();
    expect(await find('constructor', { hosts })).toBeUndefined();
  });

  it.each([
    [{}, 'entry has no credential source'],
    [{ password_env: 'A', secret_name: 'b' }, 'entry defines multiple credential sources'],
    [{ password_env: 'NOT_SET' }, 'environment variable `NOT_SET` is not set'],
    [{ secret_name: 'none' }, 'failed to read secret `'],
    [{ store: 'keyring' as const }, 'OS keyring entry is missing'],
  ])('stops at a configured source that gives nothing: %j', async (source, message) => {
    const hosts = { 'x.io': { insecure: false, auth: { username: 'u', ...source } } };
    await expect(find('x.io', { hosts })).rejects.toMatchObject({
      code: 'invalidConfig',
      message: expect.stringContaining(`registry auth for x.io: ${message}`),
    });
  });

  it('says why a configured keyring cannot be read', async () => {
    const hosts = { 'x.io': { insecure: false, auth: { username: 'u', store: 'keyring' as const } } };
    const attempt = find('x.io', { hosts, keyring: broken });
    await expect(attempt).rejects.toThrow('registry auth for x.io: failed to read OS keyring entry: locked');
  });
});

describe('credentials of the Docker client', () => {
  it.each([
    ['x.io', 'x.io'],
    ['https://x.io/v2/', 'x.io'],
    ['https://index.docker.io/v1/', 'docker.io'],
    ['registry-1.docker.io', 'docker.io'],
    ['http://x.io:5000', 'x.io:5000'],
  ])('are found in its file under %s for %s', async (key, registry) => {
    await writeDockerConfig({
      auths: { other: { auth: 'bm86' }, [key]: { auth: encode(alice).replace(/=+$/, '') } },
    });
    expect(await find(registry)).toEqual(alice);
    expect(await find('elsewhere.io')).toBeUndefined();
  });

  it('come from a helper for the server, before its file, before the store', async () => {
    await writeHelper(
      'own',
      'cat > "$HOME/asked"; [ "$1" = get ] && echo \'{"Username":"h","Secret":"own"}\'',
    );
    await writeHelper('store', 'read -r s; echo "{\\"Username\\":\\"$s\\",\\"Secret\\":\\"store\\"}"');
    await writeDockerConfig({
      credHelpers: { 'x.io': 'own', 'y.io': 'missing' },
      credsStore: 'store',
      auths: { 'x.io': { auth: encode(alice) }, 'y.io': { auth: encode(alice) } },
    });
    expect(await find('x.io')).toEqual({ username: 'h', password: 'own' });
    expect(await find('y.io')).toEqual(alice);
    expect(await find('z.io')).toEqual({ username: 'z.io', password: 'store' });
    const { readFile } = await import('node:fs/promises');
    expect(await readFile(join(home, 'asked'), 'utf8')).toBe('x.io');
  });

  it('are none when a helper fails, knows a token only, says nonsense or names a path', async () => {
    await writeHelper('fails', 'echo \'{"Username":"u","Secret":"s"}\'; exit 1');
    await writeHelper('token', 'echo \'{"Username":"<token>","Secret":"s"}\'');
    await writeHelper('nonsense', 'echo "credentials not found"');
    await writeHelper('endless', 'exec yes');
    for (const credsStore of ['fails', 'token', 'nonsense', 'endless', '../../bin/sh', '']) {
      await writeDockerConfig({ credsStore });
      expect(await find('x.io')).toBeUndefined();
    }
  });

  it('leave identity tokens and broken entries out', async () => {
    await writeDockerConfig({
      auths: {
        'a.io': { identitytoken: 't', auth: encode(alice) },
        'b.io': { auth: 'bm8gY29sb24=' },
        'c.io': null,
        'd.io': {},
      },
    });
    for (const registry of ['a.io', 'b.io', 'c.io', 'd.io']) expect(await find(registry)).toBeUndefined();
  });

  it('are none when the file is broken', async () => {
    for (const config of ['', '{', '[]', 'null', '"x"', { auths: [], credHelpers: 3, credsStore: {} }]) {
      await writeDockerConfig(config);
      expect(await find('x.io')).toBeUndefined();
    }
  });

  it('are looked for in $DOCKER_CONFIG', async () => {
    await mkdir(join(home, 'elsewhere'));
    const path = join(home, 'elsewhere/config.json');
    await writeFile(path, JSON.stringify({ auths: { 'x.io': { auth: encode(alice) } } }));
    expect(await find('x.io', { env: { ...env, DOCKER_CONFIG: join(home, 'elsewhere') } })).toEqual(alice);
  });
});
