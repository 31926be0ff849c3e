import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RootfsRepository } from '@microsandbox/db';
import { buildTestImage, tarFolder, writeOciLayout } from '@microsandbox/test-utils';
import { acquireFileLock, hostConfigPath } from '@microsandbox/utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TestHome, testHome } from '../../test/test-home.ts';
import { withBackend } from '../backend/current-backend.ts';
import type { LocalBackend } from '../backend/local-backend.ts';
import { collectImages } from './collect-images.ts';
import { Image } from './image.ts';

let home: TestHome;
let backend: LocalBackend;
beforeEach(async () => {
  home = await testHome();
  backend = home.backend;
});
afterEach(() => home[Symbol.asyncDispose]());

/** Images of 1 MiB, the first one used longest ago. */
async function given(...references: string[]): Promise<void> {
  const hour = (index: number) => `2024-01-01 0${index}:00:00.000`;
  for (const [index, reference] of references.entries()) {
    const folder = join(home.path, `tree-${index}`);
    await mkdir(folder);
    await writeFile(join(folder, 'data'), randomBytes(1024 * 1024));
    const layout = join(home.path, `layout-${index}`);
    await writeOciLayout(layout, buildTestImage({ layers: [await tarFolder(folder)] }), reference);
    await withBackend(backend, () => Image.importLayout(layout, { reference }));
    await (await backend.catalog()).write((db) =>
      db.prepare('UPDATE image_ref SET updated_at = ? WHERE reference = ?').run(hour(index), reference),
    );
  }
}

async function limit(mib: number | null): Promise<void> {
  await writeFile(hostConfigPath(backend.env), JSON.stringify({ images: { cache_limit_mib: mib } }));
  backend.forgetConfig();
}

const left = async () =>
  (await withBackend(backend, () => Image.list())).map(({ reference }) => reference).sort();

describe('collection above a limit', () => {
  it('is off unless the settings name a limit, and does nothing below it', async () => {
    await given('a', 'b');
    expect(await collectImages(backend)).toEqual([]);
    await limit(null);
    expect(await collectImages(backend)).toEqual([]);
    await limit(3);
    expect(await collectImages(backend)).toEqual([]);
    expect(await left()).toEqual(['a', 'b']);
  });

  it('takes the images unused for longest, and no more than needed', async () => {
    await given('a', 'b', 'c', 'd');
    await limit(3);
    expect(await collectImages(backend)).toEqual(['a', 'b']);
    expect(await left()).toEqual(['c', 'd']);
    const { totalBytes } = await withBackend(backend, () => Image.diskUsage());
    expect(totalBytes).toBeLessThanOrEqual(3 * 1024 * 1024);
  });

  it('takes what belongs to no image first', async () => {
    await given('a', 'b');
    const { cacheDir } = await backend.layout();
    const part = join(cacheDir, `tmp/sha256_${'0'.repeat(64)}.part`);
    await writeFile(part, randomBytes(2 * 1024 * 1024));
    await limit(3);
    expect(await collectImages(backend)).toEqual([]);
    expect(await withBackend(backend, () => Image.diskUsage())).toMatchObject({ leftoverBytes: 0 });
  });

  it('leaves alone what sandboxes stand on and what was just used', async () => {
    await given('pinned', 'old', 'recent');
    const { manifestDigest } = await withBackend(backend, () => Image.get('pinned'));
    const catalog = await backend.catalog();
    const { lastInsertRowid } = await catalog.write((db) =>
      db.prepare("INSERT INTO sandbox (name, config, status) VALUES ('s', '{}', 'Stopped')").run(),
    );
    await new RootfsRepository(catalog).replacePin(Number(lastInsertRowid), manifestDigest ?? '');
    await withBackend(backend, () => Image.tag('recent', 'recent'));
    await limit(1);
    expect(await collectImages(backend)).toEqual(['old']);
    expect(await left()).toEqual(['pinned', 'recent']);
    expect(await collectImages(backend, { recentMs: -1000 })).toEqual(['recent']);
    await catalog.write((db) => db.prepare('DELETE FROM sandbox').run());
  });

  it('takes nothing while an image is brought in', async () => {
    await given('a', 'b');
    await limit(1);
    const { cacheDir } = await backend.layout();
    {
      await using _pull = await acquireFileLock(join(cacheDir, 'tmp/use.lock'), { mode: 'shared' });
      expect(await collectImages(backend)).toEqual([]);
    }
    expect(await collectImages(backend)).toEqual(['a', 'b']);
  });

  it('comes with what is loaded, which stays', async () => {
    await given('a', 'b');
    const archive = join(home.path, 'a.tar');
    await withBackend(backend, () => Image.save('a', { outputPath: archive }));
    await limit(1);
    await withBackend(backend, () => Image.load(archive, { tag: 'new' }));
    expect(await left()).toEqual(['a', 'new']);
  });
});
