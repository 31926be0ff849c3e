import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildTestImage, writeOciLayout } from '@microsandbox/test-utils';
import { acquireFileLock } from '@microsandbox/utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ImageCache,
  importOciLayout,
  materializeFlat,
  type PulledImage,
  parseImageReference,
  pullCached,
} from '../src/index.ts';
import { tarEntry } from './tar-builder.ts';

const layer = (name: string): Buffer => Buffer.concat([tarEntry({ name, body: name }), Buffer.alloc(1024)]);
const NOTHING_KEPT = { manifestDigests: new Set<string>(), diffIds: new Set<string>() };

let folder: string;
let cache: ImageCache;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cache-removal-'));
  cache = new ImageCache(join(folder, 'cache'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function given(reference: string, content: string): Promise<PulledImage> {
  const directory = join(folder, reference);
  await writeOciLayout(directory, buildTestImage({ layers: [layer(content)] }), reference);
  const pulled = await importOciLayout({ directory, cacheDir: cache.layout.root });
  await materializeFlat({ layout: cache.layout, image: pulled.image });
  return pulled;
}

/** Names of all files of the cache but locks. */
async function files(): Promise<string[]> {
  const entries = await readdir(cache.layout.root, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile() && !entry.name.endsWith('.lock')).map(({ name }) => name);
}

describe('flat images', () => {
  it('go with the last image that they are of', async () => {
    await given('a:1', 'a');
    await given('b:1', 'b');
    // The same image under another name.
    await given('a:2', 'a');
    expect(await cache.remove(parseImageReference('a:1'))).toMatchObject({ metadata: 1, flat: 0 });
    expect(
      await pullCached({ reference: 'a:2', cacheDir: cache.layout.root, materialization: 'all' }),
    ).toMatchObject({ flat: { ref: { schema: 1 } } });
    expect(await cache.remove(parseImageReference('a:2'))).toMatchObject({ flat: 2, layers: 1, vmdk: 1 });
    expect(
      await pullCached({ reference: 'b:1', cacheDir: cache.layout.root, materialization: 'flat' }),
    ).not.toBeNull();
    expect(await cache.remove(parseImageReference('b:1'))).toMatchObject({ flat: 2 });
    expect(await files()).toEqual([]);
  });
});

describe('while an image is brought in', () => {
  it('only metadata is deleted, and the rest later', async () => {
    await given('a:1', 'a');
    {
      await using _pull = await acquireFileLock(cache.layout.useLock, { mode: 'shared' });
      expect(await cache.remove(parseImageReference('a:1'))).toMatchObject({ metadata: 1, layers: 0 });
      expect(await cache.removeOrphans(NOTHING_KEPT)).toMatchObject({ layers: 0, bytes: 0 });
      expect(await files()).not.toEqual([]);
    }
    expect(await cache.removeOrphans(NOTHING_KEPT)).toMatchObject({ layers: 1, fsmeta: 1, vmdk: 1, flat: 2 });
    expect(await files()).toEqual([]);
  });
});

describe('what belongs to no image', () => {
  it('is deleted, but for what is kept and what others are at', async () => {
    const { image } = await given('a:1', 'a');
    const before = await files();
    const { layout } = cache;
    const other = `sha256:${'0'.repeat(64)}`;
    await writeFile(layout.layer(other), 'x'.repeat(5000));
    await writeFile(layout.fsmeta(other), 'x');
    await writeFile(layout.part(other), 'x');
    await mkdir(layout.stitchDir(other));
    await writeFile(join(layout.temporaryDir, `load-${process.pid}-0123.blob`), 'x');
    expect(
      await cache.removeOrphans({ diffIds: new Set(), manifestDigests: new Set([other]) }),
    ).toMatchObject({ layers: 1, fsmeta: 0, temporary: 2, bytes: expect.any(Number) });
    expect(await cache.removeOrphans(NOTHING_KEPT)).toMatchObject({ layers: 0, fsmeta: 1, temporary: 0 });
    expect((await files()).sort()).toEqual([...before, `load-${process.pid}-0123.blob`].sort());
    await rm(layout.metadata(parseImageReference('a:1').canonical));
    const keep = { manifestDigests: new Set([image.manifest_digest]), diffIds: new Set<string>() };
    expect(await cache.removeOrphans(keep)).toMatchObject({ layers: 1, fsmeta: 0, flat: 0 });
  });
});
