import { chmod, mkdir, mkdtemp, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram, mustRun } from '@microsandbox/test-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ErofsReader, importOciLayout, mergeLayers, readErofsLayer, saveArchive } from '../src/index.ts';
import { findNode } from '../src/tree/find-node.ts';

const missing = (await findProgram('umoci')) === null ? 'umoci is not installed' : null;
if (missing !== null) console.warn(`skipped: ${missing}`);

/** Another writer and reader of images: layers with whiteouts that it made, and ours as it unpacks them. */
describe.skipIf(missing !== null)('umoci', () => {
  let folder: string;
  let layout: string;
  const umoci = (...args: string[]) => mustRun('umoci', args);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'umoci-'));
    layout = join(folder, 'layout');
    await umoci('init', '--layout', layout);
    await umoci('new', '--image', `${layout}:demo`);
    const bundle = join(folder, 'bundle');
    const root = join(bundle, 'rootfs');
    await umoci('unpack', '--image', `${layout}:demo`, bundle);
    await mkdir(join(root, 'etc'));
    await writeFile(join(root, 'etc/kept'), 'kept\n');
    await writeFile(join(root, 'etc/gone'), 'gone\n');
    await writeFile(join(root, 'large'), Buffer.alloc(300_000, 'large'));
    await symlink('etc/kept', join(root, 'link'));
    await umoci('repack', '--refresh-bundle', '--image', `${layout}:demo`, bundle);
    await rm(join(root, 'etc/gone'));
    await writeFile(join(root, 'etc/kept'), 'changed\n');
    await chmod(join(root, 'large'), 0o4755);
    await umoci('repack', '--image', `${layout}:demo`, bundle);
    await umoci('config', '--image', `${layout}:demo`, '--config.cmd', 'sh', '--config.env', 'A=b');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('writes images that we read', async () => {
    const cacheDir = join(folder, 'cache');
    const pulled = await importOciLayout({ directory: layout, cacheDir, reference: 'demo' });
    expect(pulled.image.config).toMatchObject({ cmd: ['sh'], env: expect.arrayContaining(['A=b']) });
    expect(pulled.layerPaths).toHaveLength(2);
    const layers = await Promise.all(pulled.layerPaths.map(readErofsLayer));
    const { root } = mergeLayers(layers.map(({ tree }) => tree));
    const etc = findNode(root, ['etc']);
    expect(etc?.kind === 'directory' && [...etc.children.keys()]).toEqual(['kept']);
    await using top = await ErofsReader.open(pulled.layerPaths[1] as string);
    expect((await top.readFile('etc/kept')).toString()).toBe('changed\n');
  });

  it('reads images that we write', async () => {
    const cacheDir = join(folder, 'cache-2');
    await importOciLayout({ directory: layout, cacheDir, reference: 'demo:1' });
    const archive = join(folder, 'ours.tar');
    await saveArchive({ references: ['demo:1'], cacheDir, outputPath: archive, format: 'oci' });
    const ours = join(folder, 'ours');
    await mkdir(ours);
    await mustRun('tar', ['-xf', archive, '-C', ours]);
    // umoci finds images by tag alone.
    const index = JSON.parse(await readFile(join(ours, 'index.json'), 'utf8'));
    index.manifests[0].annotations['org.opencontainers.image.ref.name'] = 'ours';
    await writeFile(join(ours, 'index.json'), JSON.stringify(index));
    const bundle = join(folder, 'ours-bundle');
    await umoci('unpack', '--image', `${ours}:ours`, bundle);
    const root = join(bundle, 'rootfs');
    expect(await readFile(join(root, 'etc/kept'), 'utf8')).toBe('changed\n');
    await expect(stat(join(root, 'etc/gone'))).rejects.toThrow('ENOENT');
    expect(await readlink(join(root, 'link'))).toBe('etc/kept');
    expect((await stat(join(root, 'large'))).mode & 0o7777).toBe(0o4755);
  });
});
