import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram, mustRun } from '@microsandbox/test-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ErofsReader, importOciLayout, loadArchive, mergeLayers, readErofsLayer } from '../src/index.ts';
import { findNode } from '../src/tree/find-node.ts';

const missing = await reasonToSkip();
if (missing !== null) console.warn(`skipped: ${missing}`);

/** Another writer of images: two layers, the second of which deletes and changes. */
describe.skipIf(missing !== null)('buildah', () => {
  let folder: string;
  const buildah = async (...args: string[]): Promise<string> => {
    const storage = ['--root', join(folder, 'root'), '--runroot', join(folder, 'run')];
    const { stdout } = await mustRun('buildah', [...storage, '--storage-driver', 'vfs', ...args]);
    return stdout.toString().trim();
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'buildah-'));
    const files = join(folder, 'files');
    await mkdir(files);
    await writeFile(join(files, 'kept'), 'kept\n');
    await writeFile(join(files, 'gone'), 'gone\n');
    const first = await buildah('from', 'scratch');
    await buildah('copy', first, files, '/etc');
    await buildah('config', '--cmd', 'sh', '--env', 'A=b', first);
    await buildah('commit', first, 'base');
    const second = await buildah('from', '--pull=never', 'base');
    const root = await buildah('mount', second);
    await rm(join(root, 'etc/gone'));
    await writeFile(join(root, 'etc/kept'), 'changed\n');
    await buildah('commit', second, 'top');
    await buildah('push', 'top', `oci:${join(folder, 'layout')}:demo`);
    await buildah('push', 'top', `docker-archive:${join(folder, 'archive.tar')}:localhost/demo:1`);
  }, 120_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('writes layouts that we read', async () => {
    const cacheDir = join(folder, 'cache');
    const pulled = await importOciLayout({ directory: join(folder, 'layout'), cacheDir, reference: 'demo' });
    expect(pulled.image.config).toMatchObject({ cmd: ['sh'], env: expect.arrayContaining(['A=b']) });
    await expectTree(pulled.layerPaths);
  });

  it('writes archives that we load', async () => {
    const cacheDir = join(folder, 'cache-2');
    const loaded = await loadArchive({ input: join(folder, 'archive.tar'), cacheDir });
    // It also keeps the name that the image has in its own storage.
    expect(loaded.map(({ reference }) => reference)).toContain('localhost/demo:1');
    await expectTree(loaded[0]?.layerPaths ?? []);
  });
});

async function expectTree(layerPaths: readonly string[]): Promise<void> {
  expect(layerPaths).toHaveLength(2);
  const layers = await Promise.all(layerPaths.map(readErofsLayer));
  const etc = findNode(mergeLayers(layers.map(({ tree }) => tree)).root, ['etc']);
  expect(etc?.kind === 'directory' && [...etc.children.keys()]).toEqual(['kept']);
  await using top = await ErofsReader.open(layerPaths[1] as string);
  expect((await top.readFile('etc/kept')).toString()).toBe('changed\n');
}

async function reasonToSkip(): Promise<string | null> {
  if ((await findProgram('buildah')) === null) return 'buildah is not installed';
  return process.getuid?.() === 0 ? null : 'buildah needs root to mount its containers';
}
