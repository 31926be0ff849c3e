import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hostConfigSchema, InvalidConfigError } from '@microsandbox/types';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_HOST_CONFIG } from './default-host-config.ts';
import { hostConfigPath, loadHostConfig } from './host-config.ts';

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
