import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildTestImage, writeOciLayout } from '@microsandbox/test-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  encodeImageMetadata,
  ImageCache,
  importOciLayout,
  parseImageReference,
  pullCached,
} from '../src/index.ts';
import { tarEntry } from './tar-builder.ts';

const layer = (name: string): Buffer => Buffer.concat([tarEntry({ name, body: name }), Buffer.alloc(1024)]);
let folder: string;
let cacheDir: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'image-cache-'));
  cacheDir = join(folder, 'cache');
  for (const [reference, layers] of Object.entries({
    'a:1': ['base', 'a'],
    'a:2': ['base', 'a'],
    'b:1': ['base', 'b'],
  })) {
    const directory = join(folder, reference);
    await writeOciLayout(directory, buildTestImage({ layers: layers.map(layer) }), reference);
    await importOciLayout({ directory, cacheDir });
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

describe('ImageCache', () => {
  it('reads, lists and finds', async () => {
    const cache = new ImageCache(cacheDir);
    const a = await cache.readMetadata(parseImageReference('a:1'));
    expect(a?.layers).toHaveLength(2);
    expect(await cache.list()).toHaveLength(3);
    expect(await cache.findByManifestDigest(a?.manifest_digest ?? '')).toEqual(a);
    expect(await cache.readMetadata(parseImageReference('none'))).toBeNull();
    expect(await new ImageCache(join(folder, 'none')).list()).toEqual([]);
  });

  it('keeps files private, as compact JSON with sorted labels', async () => {
    const { layout } = new ImageCache(cacheDir);
    const path = layout.metadata(parseImageReference('a:1').canonical);
    const text = await readFile(path, 'utf8');
    expect(text).toBe(encodeImageMetadata(JSON.parse(text)));
    expect(text).toMatch(
      /^\{"manifest_digest":"sha256:\w+","config_digest":"sha256:\w+","raw_manifest_json":"/,
    );
    const image = JSON.parse(text);
    image.config.labels = { b: '1', '10': '2', '9': '3', '\u{10000}': '4', '\uffff': '5' };
    expect(encodeImageMetadata(image)).toContain(
      '"labels":{"10":"2","9":"3","b":"1","\uffff":"5","\u{10000}":"4"}',
    );
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(layout.layersDir)).mode & 0o777).toBe(0o700);
  });

  it('takes metadata that cannot be used for absent', async () => {
    const { layout } = new ImageCache(cacheDir);
    const path = layout.metadata(parseImageReference('a:1').canonical);
    const text = await readFile(path, 'utf8');
    const image = JSON.parse(text);
    const hostile = { ...image, layers: [{ ...image.layers[0], diff_id: 'sha256:../../../../etc/passwd' }] };
    for (const broken of ['', '{', '{}', 'null', JSON.stringify(hostile)]) {
      await writeFile(path, broken);
      expect(await pullCached({ reference: 'a:1', cacheDir })).toBeNull();
    }
    await writeFile(path, text);
    expect(await pullCached({ reference: 'a:1', cacheDir })).not.toBeNull();
  });

  it('does not take a damaged layer for a whole one', async () => {
    const pulled = await pullCached({ reference: 'b:1', cacheDir });
    const path = pulled?.layerPaths[1] ?? '';
    const bytes = await readFile(path);
    for (const damaged of [Buffer.alloc(0), bytes.subarray(0, -1), Buffer.alloc(bytes.length)]) {
      await writeFile(path, damaged);
      expect(await pullCached({ reference: 'b:1', cacheDir })).toBeNull();
    }
    await writeFile(path, bytes);
    expect(await pullCached({ reference: 'b:1', cacheDir })).not.toBeNull();
  });

  it('removes what nothing else needs', async () => {
    const cache = new ImageCache(cacheDir);
    const { layout } = cache;
    const a = await cache.readMetadata(parseImageReference('a:1'));
    const [base = '', own = ''] = a?.layers.map(({ diff_id }) => diff_id) ?? [];
    expect(await cache.remove(parseImageReference('a:1'))).toMatchObject({
      metadata: 1,
      layers: 0,
      fsmeta: 0,
      vmdk: 0,
    });
    expect(await pullCached({ reference: 'a:2', cacheDir })).not.toBeNull();
    const removed = await cache.remove(parseImageReference('a:2'));
    expect(removed).toMatchObject({ metadata: 1, layers: 1, fsmeta: 1, vmdk: 1 });
    expect(removed.bytes).toBeGreaterThan(16_384);
    expect([await exists(layout.layer(base)), await exists(layout.layer(own))]).toEqual([true, false]);
    expect(await pullCached({ reference: 'b:1', cacheDir })).not.toBeNull();
    expect(await cache.remove(parseImageReference('none'))).toMatchObject({ metadata: 0, bytes: 0 });
    const b = await cache.readMetadata(parseImageReference('b:1'));
    const keep = { diffIds: new Set([base]), manifestDigests: new Set([b?.manifest_digest ?? '']) };
    expect(await cache.remove(parseImageReference('b:1'), keep)).toMatchObject({ layers: 1, fsmeta: 0 });
    expect(await exists(layout.layer(base))).toBe(true);
  });
});
