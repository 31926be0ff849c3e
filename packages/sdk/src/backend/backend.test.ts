import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hostConfigSchema } from '@microsandbox/types';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakeLauncher } from '../../test/fake-launcher.ts';
import { Image } from '../images/image.ts';
import { Sandbox } from '../sandbox.ts';
import { currentBackend, swapProcessBackend, withBackend } from './current-backend.ts';
import {
  defaultBackendInfo,
  defaultBackendKind,
  setDefaultBackend,
  withDefaultBackend,
} from './default-backend.ts';
import { LocalBackend } from './local-backend.ts';
import { LocalBackendBuilder } from './local-backend-builder.ts';
import { selectBackend } from './select-backend.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'msb-backend-'));
});
afterEach(async () => {
  swapProcessBackend(undefined);
  await rm(home, { recursive: true });
});

const select = (env: Readonly<Record<string, string>> = {}) => selectBackend({ MSB_HOME: home, ...env });
const configure = (config: unknown) => writeFile(join(home, 'config.json'), JSON.stringify(config));
const profiles = {
  here: { backend: 'local' },
  there: { backend: 'cloud', url: 'https://there', api_key_ref: 'env:KEY' },
  nokey: { backend: 'cloud' },
  keyring: { backend: 'cloud', api_key_ref: 'keyring:a:b' },
};

describe('choosing a backend', () => {
  it('takes this machine when nothing says otherwise', () => {
    expect(select().info).toEqual({ kind: 'local', source: 'default' });
    expect(select({ MSB_API_KEY: 'k', MSB_API_URL: 'u' }).info).toEqual({ kind: 'local', source: 'default' });
  });

  it('does not even read settings for MSB_BACKEND=local', async () => {
    await writeFile(join(home, 'config.json'), '{');
    expect(select({ MSB_BACKEND: ' Local ' }).info).toEqual({ kind: 'local', source: 'MSB_BACKEND' });
  });

  it('takes the cloud when it is named with a key', () => {
    expect(select({ MSB_BACKEND: 'cloud', MSB_API_KEY: 'k' }).info).toEqual({
      kind: 'cloud',
      apiUrl: 'https://api.microsandbox.dev',
      source: 'MSB_BACKEND',
    });
    expect(select({ MSB_BACKEND: 'cloud', MSB_API_KEY: 'k', MSB_API_URL: 'https://x' }).info.apiUrl).toBe(
      'https://x',
    );
  });

  it('takes profiles, those of the environment first', async () => {
    await configure({ active_profile: 'here', profiles });
    expect(select().info).toEqual({ kind: 'local', profile: 'here', source: 'active_profile' });
    expect(select({ MSB_PROFILE: 'there', KEY: 'k' }).info).toEqual({
      kind: 'cloud',
      apiUrl: 'https://there',
      profile: 'there',
      source: 'MSB_PROFILE',
    });
  });

  it.each([
    [{ MSB_BACKEND: 'moon' }, `MSB_BACKEND must be 'local' or 'cloud', got "moon"`],
    [{ MSB_BACKEND: 'cloud' }, 'MSB_BACKEND=cloud requires a non-empty MSB_API_KEY or a cloud profile'],
    [{ MSB_BACKEND: 'cloud', MSB_PROFILE: 'here' }, 'MSB_BACKEND=cloud cannot select local profile "here"'],
    [{ MSB_PROFILE: 'none' }, 'active profile "none" not found in SDK config'],
    [{ MSB_PROFILE: 'constructor' }, 'active profile "constructor" not found in SDK config'],
    [{ MSB_PROFILE: 'nokey' }, 'cloud profiles need an api_key_ref'],
    [{ MSB_PROFILE: 'there' }, 'environment variable `KEY` is not set or empty'],
    [{ MSB_PROFILE: 'keyring' }, 'keyring references are not wired'],
  ])('fails closed for %j', async (env, message) => {
    await configure({ profiles });
    const backend = select(env);
    await expect(withBackend(backend, () => Sandbox.list())).rejects.toMatchObject({
      code: 'invalidConfig',
      message: expect.stringContaining(`invalid config: `),
    });
    await expect(withBackend(backend, () => Sandbox.get('x'))).rejects.toThrow(message);
  });

  it('fails closed for settings that cannot be read', async () => {
    await writeFile(join(home, 'config.json'), '{');
    await expect(withBackend(select(), () => Image.list())).rejects.toThrow('failed to parse config');
  });
});

describe('the default backend', () => {
  it('tells about itself without its key', async () => {
    setDefaultBackend({ kind: 'cloud', apiKey: 'secret', url: 'https://x' });
    expect(defaultBackendKind()).toBe('cloud');
    expect(JSON.stringify(defaultBackendInfo())).toBe(
      '{"kind":"cloud","apiUrl":"https://x","source":"programmatic"}',
    );
    expect(() => setDefaultBackend({ kind: 'cloud', apiKey: '' })).toThrow(
      'cloud backend requires apiKey or profile',
    );
  });

  it('is swapped for a while, also when that fails', async () => {
    setDefaultBackend('local');
    const kinds: string[] = [];
    await expect(
      withDefaultBackend({ kind: 'cloud', apiKey: 'k' }, async () => {
        kinds.push(defaultBackendKind());
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    kinds.push(defaultBackendKind());
    expect(kinds).toEqual(['cloud', 'local']);
  });

  it('unsupported text: names what it does not support, and the way out', async () => {
    setDefaultBackend({ kind: 'cloud', apiKey: 'k' });
    await expect(Sandbox.list()).rejects.toMatchObject({
      code: 'unsupported',
      message: 'Sandbox::list is not supported by this backend: use a local backend',
    });
    await expect(Image.prune()).rejects.toThrow(
      'Image::prune is not supported by this backend: use a local backend',
    );
    await expect(Sandbox.builder('x').image('a').create()).rejects.toThrow(
      'Sandbox::create is not supported',
    );
    await expect(Sandbox.start('x')).rejects.toThrow('Sandbox::start is not supported');
  });
});

describe('LocalBackend', () => {
  it('makes nothing before it is used', async () => {
    const backend = new LocalBackend({ env: { MSB_HOME: join(home, 'none') } });
    expect((await backend.layout()).home).toBe(join(home, 'none'));
    expect(existsSync(join(home, 'none'))).toBe(false);
  });

  it('takes the home of its settings before MSB_HOME', async () => {
    await configure({ home: join(home, 'data'), paths: { cache: '/big/cache' } });
    const layout = await new LocalBackend({ env: { MSB_HOME: home } }).layout();
    expect(layout).toMatchObject({ home: join(home, 'data'), cacheDir: '/big/cache' });
  });

  it('tries again after a failure', async () => {
    const blocked = join(home, 'blocked');
    await writeFile(blocked, 'not a folder');
    const backend = new LocalBackend({ env: { MSB_HOME: blocked } });
    await expect(backend.catalog()).rejects.toThrow();
    await rm(blocked);
    await expect(backend.catalog()).resolves.toBeDefined();
    await backend.close();
  });

  it('with_backend_scope_isolates one home from another', async () => {
    const make = (name: string) =>
      new LocalBackend({ env: { ...process.env, MSB_HOME: join(home, name) }, launcher: fakeLauncher() });
    const [a, b] = [make('a'), make('b')];
    const disk = join(home, 'disk.raw');
    await writeFile(disk, '');
    const sandbox = await withBackend(b, () => Sandbox.builder('x').image(disk).create());
    // An object stays with the backend it was made with, also inside another's scope.
    await withBackend(a, async () => {
      expect((await sandbox.exec('echo', ['hi'])).stdout()).toBe('hi\n');
      expect((await Sandbox.list()).sandboxes).toEqual([]);
      await sandbox.stop();
    });
    expect(existsSync(join(home, 'b', 'sandboxes', 'x'))).toBe(true);
    expect(existsSync(join(home, 'a'))).toBe(false);
    await b.close();
  });

  it('scopes do not leak into what runs beside them', async () => {
    const other = new LocalBackend({ env: { MSB_HOME: home } });
    setDefaultBackend('local');
    const outside = currentBackend();
    const seen = await Promise.all([
      withBackend(other, async () => {
        await new Promise((resolve) => setTimeout(resolve, 10));
        return currentBackend();
      }),
      (async () => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        return currentBackend();
      })(),
    ]);
    expect(seen).toEqual([other, outside]);
  });
});

describe('LocalBackendBuilder', () => {
  it('builder_merge_preserves_persisted_fields_when_not_overridden', () => {
    const base = hostConfigSchema.parse({
      log_level: 'debug',
      database: { max_connections: 9, connect_timeout_secs: 17, busy_timeout_secs: 23 },
      sandbox_defaults: {
        cpus: 4,
        memory_mib: 2048,
        shell: '/bin/zsh',
        workdir: '/work',
        metrics_sample_interval_ms: 750,
        disable_metrics_sample: true,
      },
    });
    const merged = new LocalBackendBuilder().defaultCpus(2).mergeInto(base);
    expect(merged).toEqual({ ...base, sandbox_defaults: { ...base.sandbox_defaults, cpus: 2 } });
  });

  it('overrides exactly what was set', () => {
    const base = hostConfigSchema.parse({
      registries: { ca_certs: '/a.pem', hosts: { a: { insecure: true } } },
    });
    const merged = new LocalBackendBuilder()
      .home('/h')
      .cacheDir('/c')
      .busyTimeoutSecs(1)
      .caCerts(null)
      .registryHosts({ b: { insecure: true } })
      .logLevel('info')
      .deploymentProfile('multi-tenant')
      .sshInactivityTimeoutSecs(0)
      .mergeInto(base);
    expect(merged).toEqual({
      ...base,
      home: '/h',
      log_level: 'info',
      deployment_profile: 'multi-tenant',
      paths: { cache: '/c' },
      database: { ...base.database, busy_timeout_secs: 1 },
      registries: { ca_certs: null, hosts: { b: { insecure: true } } },
      ssh: { inactivity_timeout_secs: 0 },
    });
  });

  it('never changes itself', () => {
    const base = hostConfigSchema.parse({});
    const builder = new LocalBackendBuilder();
    builder.defaultCpus(8);
    expect(builder.mergeInto(base)).toEqual(base);
  });

  it('opens at once, or when used; a broken file counts only when asked', async () => {
    const env = { MSB_HOME: home };
    await mkdir(home, { recursive: true });
    await writeFile(join(home, 'config.json'), '{');
    const builder = new LocalBackendBuilder({ env }).home(join(home, 'data'));
    await expect(builder.tryBuildLazy()).rejects.toThrow('failed to parse config');
    const lazy = await builder.buildLazy();
    expect(existsSync(join(home, 'data'))).toBe(false);
    await lazy.close();
    await (await builder.build()).close();
    expect(existsSync(join(home, 'data', 'db', 'msb.db'))).toBe(true);
  });
});
