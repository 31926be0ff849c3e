import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hostConfigSchema, InvalidConfigError } from '@microsandbox/types';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_HOST_CONFIG } from './default-host-config.ts';
import { hostConfigPath, loadHostConfig } from './host-config.ts';
import { updateHostConfig } from './update-host-config.ts';

const prebuilt = new URL(`../../native/prebuilt/${process.platform}-${process.arch}/`, import.meta.url);
const hasAddon = existsSync(new URL('microsandbox.node', prebuilt));

describe('host config', () => {
  let home: string;
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'msb-config-'));
  });
  afterEach(async () => {
    await rm(home, { recursive: true });
  });

  it('is found by MSB_CONFIG_PATH, else in the home', () => {
    expect(hostConfigPath({ MSB_HOME: '/h', MSB_CONFIG_PATH: '/etc/c.json' })).toBe('/etc/c.json');
    expect(hostConfigPath({ MSB_HOME: '/h' })).toBe('/h/config.json');
  });

  it('defaults like the schema', async () => {
    expect(DEFAULT_HOST_CONFIG).toEqual(hostConfigSchema.parse({}));
    expect(await loadHostConfig({ MSB_HOME: home })).toEqual(hostConfigSchema.parse({}));
  });

  it('fills in what is missing and keeps unknown keys', async () => {
    await writeFile(join(home, 'config.json'), '{"sandbox_defaults":{"cpus":4},"future":{"a":1}}');
    const config = await loadHostConfig({ MSB_HOME: home });
    expect(config.sandbox_defaults).toMatchObject({ cpus: 4, memory_mib: 512, shell: '/bin/sh' });
    expect(config['future']).toEqual({ a: 1 });
  });

  it.each(['{', '[]', '{"sandbox_defaults":{"cpus":"many"}}'])(
    'refuses %s, naming the file',
    async (text) => {
      const path = join(home, 'config.json');
      await writeFile(path, text);
      const failure = loadHostConfig({ MSB_HOME: home });
      await expect(failure).rejects.toBeInstanceOf(InvalidConfigError);
      await expect(failure).rejects.toThrow(`invalid config: failed to parse config \`${path}\`: `);
    },
  );
});

describe.skipIf(!hasAddon)(`updateHostConfig${hasAddon ? '' : ' (skipped: native addon not built)'}`, () => {
  let path: string;
  beforeEach(async () => {
    path = join(await mkdtemp(join(tmpdir(), 'msb-config-')), 'home', 'config.json');
  });
  afterEach(async () => {
    await rm(join(path, '../..'), { recursive: true });
  });

  it('makes a missing file, and keeps what it does not know', async () => {
    await updateHostConfig(path, (config) => ({ ...config, active_profile: 'work' }));
    expect(await readFile(path, 'utf8')).toBe('{\n  "active_profile": "work"\n}\n');
    await writeFile(path, '{"profiles":{"work":{"backend":"local"}},"future":[1]}');
    await updateHostConfig(path, (config) => ({ ...config, log_level: 'info' }));
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({
      profiles: { work: { backend: 'local' } },
      future: [1],
      log_level: 'info',
    });
  });

  it('loses no change of several writers', async () => {
    const writers = Array.from({ length: 10 }, (_, index) =>
      updateHostConfig(path, (config) => ({ ...config, [`key${index}`]: index })),
    );
    await Promise.all(writers);
    expect(Object.keys(JSON.parse(await readFile(path, 'utf8')))).toHaveLength(10);
  });

  it.each(['{', '[]', 'null'])('leaves a file alone that holds %s', async (text) => {
    await updateHostConfig(path, () => ({}));
    await writeFile(path, text);
    await expect(updateHostConfig(path, () => ({}))).rejects.toBeInstanceOf(InvalidConfigError);
    expect(await readFile(path, 'utf8')).toBe(text);
  });
});
