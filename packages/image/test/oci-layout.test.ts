import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildTestImage, findProgram, mustRun, writeOciLayout } from '@microsandbox/test-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ErofsReader, importOciLayout, pullCached } from '../src/index.ts';
import { tarEntry } from './tar-builder.ts';

const END = Buffer.alloc(1024);
const host = process.arch === 'x64' ? 'amd64' : process.arch;
const image = (content: string, architecture?: string): ReturnType<typeof buildTestImage> =>
  buildTestImage({
    layers: [Buffer.concat([tarEntry({ name: 'file', body: content }), END])],
    ...(architecture && { architecture }),
  });
const skopeo = await findProgram('skopeo');
if (skopeo === null) console.warn('skipped: skopeo is not installed');
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'oci-layout-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function editIndex(
  directory: string,
  edit: (manifests: Record<string, unknown>[]) => unknown[],
): Promise<void> {
  const path = join(directory, 'index.json');
  const index = JSON.parse(await readFile(path, 'utf8'));
  await writeFile(path, JSON.stringify({ ...index, manifests: edit(index.manifests) }));
}

async function contentOf(layerPath: string | undefined): Promise<string> {
  await using reader = await ErofsReader.open(layerPath ?? '');
  return (await reader.readFile('file')).toString();
}

describe('importOciLayout', () => {
  it('brings an image into the cache under a name of its own or a given one', async () => {
    const directory = join(folder, 'one');
    const cacheDir = join(folder, 'cache-one');
    await writeOciLayout(directory, image('one'), 'demo:1');
    const imported = await importOciLayout({ directory, cacheDir });
    expect(imported).toMatchObject({ reference: 'demo:1', cached: false });
    expect(await contentOf(imported.layerPaths[0])).toBe('one');
    expect(await pullCached({ reference: 'docker.io/library/demo:1', cacheDir })).toMatchObject({
      cached: true,
    });
    const named = await importOciLayout({ directory, cacheDir, reference: 'x.io/other' });
    expect(named.layerPaths).toEqual(imported.layerPaths);
    expect(await pullCached({ reference: 'x.io/other:latest', cacheDir })).not.toBeNull();
    expect((await readdir(join(cacheDir, 'tmp'))).filter((name) => !name.endsWith('.lock'))).toEqual([]);
  });

  it('chooses by name and platform among several', async () => {
    const directory = join(folder, 'several');
    const cacheDir = join(folder, 'cache-several');
    const all: unknown[] = [];
    for (const [name, architecture] of [['a'], ['b'], ['b', 's390x']] as const) {
      await writeOciLayout(directory, image(`${name}${architecture ?? ''}`, architecture), `demo:${name}`);
      await editIndex(directory, (manifests) => {
        all.push(
          ...manifests.map((entry) => ({
            ...entry,
            platform: { os: 'linux', architecture: architecture ?? host },
          })),
        );
        return all;
      });
    }
    const b = await importOciLayout({ directory, cacheDir, reference: 'docker.io/library/demo:b' });
    expect(await contentOf(b.layerPaths[0])).toBe('b');
    const s390x = await importOciLayout({
      directory,
      cacheDir,
      reference: 'demo:b',
      platform: { os: 'linux', architecture: 's390x' },
    });
    expect(await contentOf(s390x.layerPaths[0])).toBe('bs390x');
    expect(await pullCached({ reference: 'demo:b', cacheDir })).toBeNull();
    await expect(importOciLayout({ directory, cacheDir })).rejects.toMatchObject({
      code: 'image',
      message: 'OCI layout contains several images: demo:a, demo:b',
    });
  });

  it.skipIf(skopeo === null)('reads what skopeo writes', async () => {
    const source = join(folder, 'for-skopeo');
    const target = join(folder, 'by-skopeo');
    await writeOciLayout(source, image('skopeo'), 'demo:1');
    await mustRun('skopeo', ['--insecure-policy', 'copy', `oci:${source}:demo:1`, `oci:${target}:tag`]);
    const imported = await importOciLayout({
      directory: target,
      cacheDir: join(folder, 'c'),
      reference: 'demo:tag',
    });
    expect(await contentOf(imported.layerPaths[0])).toBe('skopeo');
  });

  it.each<[string, (directory: string) => Promise<unknown>, string]>([
    ['nothing', (directory) => rm(directory, { recursive: true }), 'no image in OCI layout'],
    [
      'another version',
      (d) => writeFile(join(d, 'oci-layout'), '{"imageLayoutVersion":"9"}'),
      'unknown OCI layout version',
    ],
    ['no JSON', (d) => writeFile(join(d, 'oci-layout'), 'x'), 'oci-layout is not JSON'],
    [
      'an image as index',
      (d) => writeFile(join(d, 'index.json'), '{"schemaVersion":2,"layers":[],"config":{}}'),
      'manifest',
    ],
    ['no images', (d) => editIndex(d, () => []), 'contains no image manifests for the platform'],
    [
      'an image without name',
      (d) => editIndex(d, ([entry]) => [{ ...entry, annotations: {} }]),
      'OCI layout image has no ref.name annotation',
    ],
    [
      'a pipe',
      async (d) => {
        await rm(join(d, 'index.json'));
        await mustRun('mkfifo', [join(d, 'index.json')]);
      },
      'is not a regular file',
    ],
    [
      'a digest that leaves the folder',
      (d) => editIndex(d, ([e]) => [{ ...e, digest: 'sha256:../../../etc/passwd' }]),
      'is no digest',
    ],
  ])('refuses a folder with %s', async (_name, damage, message) => {
    const directory = await mkdtemp(join(folder, 'bad-'));
    await writeOciLayout(directory, image('bad'), 'demo:bad');
    await damage(directory);
    await expect(importOciLayout({ directory, cacheDir: join(folder, 'cache-bad') })).rejects.toMatchObject({
      code: 'image',
      message: expect.stringContaining(message),
    });
  });

  it('checks every blob', async () => {
    for (const which of ['manifest', 'config', 'layer'] as const) {
      const directory = await mkdtemp(join(folder, 'damaged-'));
      const source = image(`damaged ${which}`);
      await writeOciLayout(directory, source, 'demo:bad');
      const blob = which === 'layer' ? source.layers[0] : source[which];
      const path = join(directory, 'blobs/sha256', blob?.digest.slice(7) ?? '');
      const bytes = await readFile(path);
      bytes[bytes.length - 5] = (bytes[bytes.length - 5] ?? 0) ^ 1;
      await writeFile(path, bytes);
      await expect(importOciLayout({ directory, cacheDir: join(folder, 'cache-bad') })).rejects.toMatchObject(
        {
          code: 'digestMismatch',
        },
      );
    }
  });
});
