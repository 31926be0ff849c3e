import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import {
  buildTestImage,
  findProgram,
  mustRun,
  runCommand,
  SeededRandom,
  writeOciLayout,
} from '@microsandbox/test-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ErofsReader,
  importOciLayout,
  loadArchive,
  type PulledImage,
  parseImageReference,
  pullCached,
  readErofsLayer,
  saveArchive,
} from '../src/index.ts';
import { dumpTree } from './dump-tree.ts';
import { paxEntry, tarEntry } from './tar-builder.ts';

const END = Buffer.alloc(1024);
const tar = (...entries: Buffer[]): Buffer => Buffer.concat([...entries, END]);
const long = 'n'.repeat(150);
const base = tar(
  tarEntry({ name: 'dir/', type: '5', mode: 0o1777, uid: 5, mtime: 12 }),
  tarEntry({ name: 'dir/file', body: 'content', mode: 0o4755, uid: 3_000_000, gid: 7 }),
  tarEntry({ name: 'dir/hard', type: '1', linkName: 'dir/file' }),
  tarEntry({ name: 'link', type: '2', linkName: '../elsewhere' }),
  tarEntry({ name: 'null', type: '3', major: 1, minor: 3 }),
  tarEntry({ name: 'pipe', type: '6' }),
  paxEntry({ path: `${long}/${long}`, 'SCHILY.xattr.security.capability': 'caps' }),
  tarEntry({ name: 'short', body: 'long name' }),
  paxEntry({ path: `${long}/plain`, linkpath: long.repeat(2) }),
  tarEntry({ name: 'short', type: '2', linkName: 'short' }),
);
const top = tar(
  tarEntry({ name: 'dir/.wh..wh..opq' }),
  tarEntry({ name: '.wh.link', mode: 0, mtime: 0 }),
  tarEntry({ name: 'dir/big', body: Buffer.alloc(200_000, 'big') }),
);
const image = buildTestImage({
  layers: [base, top],
  config: { Env: ['A=b'], Labels: { '10': 'x', '9': 'y' } },
});
const skopeo = await findProgram('skopeo');
if (skopeo === null) console.warn('skipped: skopeo is not installed');

let folder: string;
let cacheDir: string;
let imported: PulledImage;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'archives-'));
  cacheDir = join(folder, 'cache');
  await writeOciLayout(join(folder, 'layout'), image, 'demo:1');
  imported = await importOciLayout({ directory: join(folder, 'layout'), cacheDir });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function expectSameTrees(loaded: PulledImage | undefined): Promise<void> {
  expect(loaded?.layerPaths).toHaveLength(imported.layerPaths.length);
  for (const [i, path] of imported.layerPaths.entries()) {
    const [ours, theirs] = await Promise.all([path, loaded?.layerPaths[i] ?? ''].map(readErofsLayer));
    expect(await dumpTree(theirs?.tree as never)).toEqual(await dumpTree(ours?.tree as never));
  }
}

async function expectNothingLeft(cache = cacheDir): Promise<void> {
  expect((await readdir(join(cache, 'tmp'))).filter((name) => !name.endsWith('.lock'))).toEqual([]);
}

let caches = 0;
const newCache = (): string => join(folder, `cache-${caches++}`);

describe('saveArchive and loadArchive', () => {
  it.each(['docker', 'oci'] as const)('give an image back, as %s', async (format) => {
    const outputPath = join(folder, `${format}.tar`);
    await saveArchive({ references: ['demo:1'], cacheDir, outputPath, format });
    await expectNothingLeft();
    const [loaded, ...more] = await loadArchive({ input: outputPath, cacheDir: newCache() });
    expect(more).toEqual([]);
    expect(loaded?.reference).toBe('demo:1');
    expect(loaded?.image.config).toEqual(imported.image.config);
    await expectSameTrees(loaded);
    await mustRun('tar', ['--list', '--file', outputPath]);
  });

  it('write the same bytes every time, and several images with shared layers once', async () => {
    const other = buildTestImage({ layers: [base], config: {} });
    await writeOciLayout(join(folder, 'other'), other, 'other:1');
    await importOciLayout({ directory: join(folder, 'other'), cacheDir });
    const save = async (name: string): Promise<Buffer> => {
      const outputPath = join(folder, name);
      await saveArchive({ references: ['demo:1', 'other:1'], cacheDir, outputPath });
      return readFile(outputPath);
    };
    const first = await save('several.tar');
    expect((await save('again.tar')).equals(first)).toBe(true);
    const { stdout } = await mustRun('tar', ['-tf', join(folder, 'several.tar')]);
    const names = stdout.toString().trim().split('\n');
    expect(names[0]).toBe('manifest.json');
    expect(names.filter((name) => name.endsWith('/layer.tar'))).toHaveLength(2);
    const loaded = await loadArchive({
      input: join(folder, 'several.tar'),
      cacheDir: newCache(),
      tags: ['extra:2'],
    });
    expect(loaded.map(({ reference }) => reference)).toEqual(['demo:1', 'extra:2', 'other:1']);
  });

  it.each([
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
    ['plain', (bytes: Buffer) => bytes],
  ] as const)('read %s files and streams', async (_name, pack) => {
    const plain = join(folder, 'plain.tar');
    await saveArchive({ references: ['demo:1'], cacheDir, outputPath: plain });
    const packed = join(folder, 'packed');
    await writeFile(packed, pack(await readFile(plain)));
    for (const input of [packed, createReadStream(packed, { highWaterMark: 999 })]) {
      const cache = newCache();
      await expectSameTrees((await loadArchive({ input, cacheDir: cache }))[0]);
      await expectNothingLeft(cache);
    }
  });

  it('load nothing anew that is there', async () => {
    const input = join(folder, 'docker.tar');
    const cache = newCache();
    const kinds: string[] = [];
    await loadArchive({ input, cacheDir: cache });
    await loadArchive({ input, cacheDir: cache, onProgress: ({ kind }) => kinds.push(kind) });
    expect(kinds).not.toContain('layerMaterializeStarted');
    expect(await pullCached({ reference: 'demo:1', cacheDir: cache })).not.toBeNull();
  });

  it('say which image is not there', async () => {
    const outputPath = join(folder, 'none.tar');
    const attempt = saveArchive({ references: ['demo:1', 'none'], cacheDir, outputPath });
    await expect(attempt).rejects.toMatchObject({ code: 'imageNotFound', message: 'image not found: none' });
    await expectNothingLeft();
    expect((await readdir(folder)).filter((name) => name.includes('none.tar'))).toEqual([]);
  });
});

describe.skipIf(skopeo === null)('archives of other tools', () => {
  it.each(['docker-archive', 'oci-archive'])('are loaded: %s of skopeo', async (transport) => {
    const input = join(folder, `skopeo-${transport}.tar`);
    const source = `oci:${join(folder, 'layout')}:demo:1`;
    await mustRun('skopeo', [
      '--insecure-policy',
      'copy',
      source,
      `${transport}:${input}:localhost/by/skopeo:2`,
    ]);
    const [loaded] = await loadArchive({ input, cacheDir: newCache() });
    expect(loaded?.reference).toBe('localhost/by/skopeo:2');
    await expectSameTrees(loaded);
  });

  it.each(['docker', 'oci'] as const)('can read ours: %s', async (format) => {
    const outputPath = join(folder, `for-skopeo-${format}.tar`);
    await saveArchive({ references: ['demo:1'], cacheDir, outputPath, format });
    const target = join(folder, `by-skopeo-${format}`);
    const suffix = format === 'oci' ? ':demo:1' : '';
    await mustRun('skopeo', [
      '--insecure-policy',
      'copy',
      `${format}-archive:${outputPath}${suffix}`,
      `oci:${target}:x`,
    ]);
    await expectSameTrees(await importOciLayout({ directory: target, cacheDir: newCache(), reference: 'x' }));
  });
});

describe('a Docker archive', () => {
  const config = image.config.bytes;
  const manifest = (entry: object): Buffer =>
    Buffer.from(JSON.stringify([{ Config: 'c.json', RepoTags: ['a:1'], ...entry }]));
  const archive = async (...entries: Buffer[]): Promise<string> => {
    const path = join(await mkdtemp(join(folder, 'docker-')), 'a.tar');
    await writeFile(path, tar(...entries));
    return path;
  };
  const file = (name: string, body: Buffer): Buffer => tarEntry({ name, body });

  it('may link equal layers, and pack them', async () => {
    const input = await archive(
      file('./manifest.json', manifest({ Layers: ['x/layer.tar', 'y/layer.tar'] })),
      file('c.json', config),
      tarEntry({ name: 'x/layer.tar', type: '2', linkName: '../z/real.tar' }),
      file('z/real.tar', gzipSync(base)),
      file('y/layer.tar', zstdCompressSync(top)),
    );
    await expectSameTrees((await loadArchive({ input, cacheDir: newCache() }))[0]);
  });

  it.each<[string, Buffer[], string]>([
    ['no manifest', [file('x', Buffer.alloc(3))], 'archive missing manifest.json or oci-layout'],
    ['an empty manifest', [file('manifest.json', Buffer.from('[]'))], 'docker archive manifest is empty'],
    ['a broken manifest', [file('manifest.json', Buffer.from('{}'))], 'docker archive manifest is broken'],
    [
      'no name',
      [file('manifest.json', manifest({ RepoTags: ['<none>:<none>'], Layers: [] }))],
      'docker archive image has no tags; pass --tag to name it',
    ],
    [
      'no configuration',
      [file('manifest.json', manifest({ Layers: [] }))],
      'archive member not found: "c.json"',
    ],
    [
      'too few layers',
      [file('manifest.json', manifest({ Layers: [] })), file('c.json', config)],
      'config has 2 diff_ids but manifest has 0 layers',
    ],
    [
      'links in circles',
      [
        file('manifest.json', manifest({ Layers: ['l', 'l'] })),
        file('c.json', config),
        tarEntry({ name: 'l', type: '2', linkName: 'l' }),
      ],
      'archive member not found: "l"',
    ],
    [
      'links that leave it',
      [
        file('manifest.json', manifest({ Config: 'l', Layers: [] })),
        tarEntry({ name: 'l', type: '2', linkName: '../../../../etc/hostname' }),
      ],
      'archive member not found: "l"',
    ],
  ])('with %s is refused', async (_name, entries, message) => {
    const attempt = loadArchive({ input: await archive(...entries), cacheDir: newCache() });
    await expect(attempt).rejects.toMatchObject({ code: 'image', message: expect.stringContaining(message) });
  });

  it('is refused when a layer is not the one of its configuration', async () => {
    const input = await archive(
      file('manifest.json', manifest({ Layers: ['a', 'b'] })),
      file('c.json', config),
      file('a', base),
      file('b', base),
    );
    const cache = newCache();
    await expect(loadArchive({ input, cacheDir: cache })).rejects.toMatchObject({ code: 'digestMismatch' });
    expect(await pullCached({ reference: 'a:1', cacheDir: cache })).toBeNull();
    await expectNothingLeft(cache);
  });

  it('that is damaged ends with a coded error', async () => {
    const good = await readFile(join(folder, 'docker.tar'));
    const random = new SeededRandom(8);
    const path = join(folder, 'damaged.tar');
    for (let round = 0; round < 60; round++) {
      const damaged = Buffer.from(
        good.subarray(0, random.chance(0.3) ? random.below(good.length) : good.length),
      );
      for (let i = random.below(4); i >= 0; i--)
        damaged[random.below(Math.min(damaged.length, 8192))] = random.below(256);
      await writeFile(path, damaged);
      await loadArchive({ input: path, cacheDir: newCache() }).catch((error: unknown) => {
        expect((error as { readonly code?: unknown }).code).toMatch(/^(image|digestMismatch|invalidConfig)$/);
      });
    }
  });

  it('that is no file is named', async () => {
    await expect(loadArchive({ input: join(folder, 'nothing'), cacheDir })).rejects.toMatchObject({
      code: 'image',
      message: expect.stringContaining('nothing'),
    });
    await symlink(folder, join(folder, 'a-folder'));
    await expect(loadArchive({ input: join(folder, 'a-folder'), cacheDir })).rejects.toMatchObject({
      code: 'image',
    });
  });
});

it('names of a saved image are those that were typed', async () => {
  const typed = 'docker.io/library/demo:1';
  const outputPath = join(folder, 'typed.tar');
  await saveArchive({ references: [typed], cacheDir, outputPath });
  const { stdout } = await runCommand('tar', ['-xOf', outputPath, 'manifest.json']);
  expect(JSON.parse(stdout.toString())[0].RepoTags).toEqual([typed]);
  expect(parseImageReference(typed).canonical).toBe(typed);
  await using reader = await ErofsReader.open(imported.layerPaths[0] as string);
  expect(await reader.lookup('dir/hard')).not.toBeNull();
});
