import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { codeBlocks } from '@microsandbox/test-utils';
import { parseHostConfig } from '@microsandbox/utils';
import { expect, it } from 'vitest';
import { CONFIG_KINDS } from './config-kind.ts';
import { loadConfigFiles } from './load-config-files.ts';

const docs = resolve(import.meta.dirname, '../../../../docs');

it('the sandbox file of docs/network.md is accepted', async () => {
  const [block] = await codeBlocks(join(docs, 'network.md'), 'yaml');
  const folder = await mkdtemp(join(tmpdir(), 'msb-shown-'));
  try {
    const path = join(folder, 'sandbox.yaml');
    await writeFile(path, block?.code ?? '');
    const file = await loadConfigFiles([{ kind: CONFIG_KINDS[0], path }], { API_KEY: 'x' });
    expect(file).toMatchObject({
      image: 'python:3.13',
      secrets: { API_KEY: { allow: ['api.example.com'] } },
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});

it('the config.json of docs/images.md is accepted', async () => {
  const [block] = await codeBlocks(join(docs, 'images.md'), 'json');
  const config = await parseHostConfig(block?.code ?? '', 'config.json');
  expect(config.images?.cache_limit_mib).toBe(20_480);
  expect(config.registries?.hosts?.['docker.io']?.mirrors).toEqual(['mirror.example:5000']);
});
