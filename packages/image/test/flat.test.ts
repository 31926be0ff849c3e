import { createHash } from 'node:crypto';
import { copyFile, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CacheLayout } from '../src/cache/cache-layout.ts';
import { writeErofs } from '../src/erofs/write-erofs.ts';
import { createFlatDisk, growFlatDisk } from '../src/flat/create-flat-disk.ts';
import { flatDerivation, flatUuid } from '../src/flat/flat-derivation.ts';
import { flatSizeBytes, measureTree } from '../src/flat/flat-size.ts';
import { type FlatImage, findFlat, materializeFlat } from '../src/flat/materialize-flat.ts';
import { mergeLayers } from '../src/tree/merge-layers.ts';
import { createDirectory, type DirectoryNode, type FileNode, type LayerTree } from '../src/tree/nodes.ts';
import { dumpFolder } from './dump-folder.ts';
import { expectClean, noE2fsprogs, noExt4Mount, withExt4 } from './ext4-kernel.ts';
import { randomExt4Tree } from './ext4-tree.ts';
import { goldenLayer0, goldenLayer1 } from './golden-trees.ts';

const MIB = 1024 * 1024;
const platform = { os: 'linux', architecture: 'amd64' };

let dir: string;
let layout: CacheLayout;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'msb-flat-'));
  layout = new CacheLayout(join(dir, 'cache'));
  await layout.create();
});
afterEach(() => rm(dir, { recursive: true }));

type Image = Parameters<typeof materializeFlat>[0]['image'];

const digest = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;

/** An image whose layers are in the cache. */
async function imageOf(name: string, trees: readonly LayerTree[]): Promise<Image> {
  const layers = [];
  for (const [i, tree] of trees.entries()) {
    const diff_id = digest(`${name} ${i}`);
    await writeErofs(tree, layout.layer(diff_id));
    layers.push({ digest: digest(`blob ${name} ${i}`), media_type: null, size_bytes: null, diff_id });
  }
  return { manifest_digest: digest(name), layers };
}

async function sha256(path: string): Promise<string> {
  return `sha256:${createHash('sha256')
    .update(await readFile(path))
    .digest('hex')}`;
}

describe('flatDerivation', () => {
  it('covers platform, manifest and layers in their order', () => {
    const input = { platform, manifestDigest: 'sha256:m', diffIds: ['sha256:a', 'sha256:b'] };
    // The bytes of the format, written out.
    const expected = createHash('sha256')
      .update('microsandbox.flat-rootfs\0\x02\0\0\0\0linux/amd64\0sha256:m\0sha256:a\0sha256:b')
      .digest();
    expect(flatDerivation(input).equals(expected)).toBe(true);
    const others = [
      { ...input, diffIds: ['sha256:b', 'sha256:a'] },
      { ...input, manifestDigest: 'sha256:n' },
      { ...input, platform: { ...platform, variant: 'v3' } },
    ];
    const all = [input, ...others].map((each) => flatDerivation(each).toString('hex'));
    expect(new Set(all).size).toBe(4);
  });

  it('gives a UUID of version 4', () => {
    expect(flatUuid(Buffer.alloc(32, 0xff)).toString('hex')).toBe('ffffffffffff4fffbfffffffffffffff');
  });
});

describe('flatSizeBytes', () => {
  it.each([
    [1, 0, 2],
    [3, 11, 2],
    // The first size at which blocks, then inodes, need another group.
    [1, (63_992 - 32_768 - 2) * 4096, 2],
    [1, (63_992 - 32_768 - 2) * 4096 + 1, 3],
    [14_881, 0, 2],
    [14_882, 0, 3],
    [29_800, 0, 5],
  ])('%i inodes and %i bytes take %i groups', (inodes, contentBytes, groups) => {
    expect(flatSizeBytes({ inodes, contentBytes })).toBe(groups * 128 * MIB);
  });

  it('counts a file once, whatever its names', () => {
    expect(measureTree(mergeLayers([goldenLayer0()]).root)).toEqual({ inodes: 9, contentBytes: 5004 });
  });
});

describe('materializeFlat', () => {
  it('makes an image once and finds it again', async () => {
    const image = await imageOf('golden', [goldenLayer0(), goldenLayer1()]);
    expect(await findFlat({ layout, image, platform })).toBeNull();
    const made = await materializeFlat({ layout, image, platform });
    expect(made.ref).toMatchObject({
      schema: 1,
      manifest_digest: image.manifest_digest,
      materializer_abi: 2,
      virtual_size_bytes: 256 * MIB,
      inode_count: 7,
      content_bytes: 9096,
    });
    expect(made.ref.artifact_digest).toBe(await sha256(made.path));
    expect((await stat(made.path)).size).toBe(256 * MIB);
    expect((await stat(made.path)).blocks * 512).toBeLessThan(3 * MIB);
    expect(await findFlat({ layout, image, platform })).toEqual(made);
    const { mtimeNs } = await stat(made.path, { bigint: true });
    expect(await materializeFlat({ layout, image, platform })).toEqual(made);
    expect((await stat(made.path, { bigint: true })).mtimeNs).toBe(mtimeNs);
    expect(await readdir(join(layout.root, 'tmp'))).toEqual([]);
    if (noE2fsprogs === null) await expectClean(made.path);
  });

  it('writes the record as upstream does', async () => {
    const image = await imageOf('golden', [goldenLayer0()]);
    const { ref } = await materializeFlat({ layout, image, platform });
    const name = `${image.manifest_digest.replace(':', '_')}.json`;
    const text = await readFile(join(layout.root, 'flat/refs', name), 'utf8');
    expect(text).toBe(
      `{\n  "schema": 1,\n  "manifest_digest": "${ref.manifest_digest}",\n` +
        `  "derivation_digest": "${ref.derivation_digest}",\n  "artifact_digest": "${ref.artifact_digest}",\n` +
        `  "materializer_abi": 2,\n  "uuid": "${ref.uuid}",\n  "virtual_size_bytes": 268435456,\n` +
        `  "inode_count": ${ref.inode_count},\n  "content_bytes": ${ref.content_bytes}\n}`,
    );
  });

  it('makes an image anew when it is wrong, gone or of another platform', async () => {
    const image = await imageOf('golden', [goldenLayer0()]);
    const { path, ref } = await materializeFlat({ layout, image, platform });
    const refFile = join(layout.root, 'flat/refs', `${image.manifest_digest.replace(':', '_')}.json`);
    const damages: readonly (() => Promise<unknown>)[] = [
      () => rm(path),
      () => truncate(path, 4096).then(() => rm(path)),
      () => writeFile(refFile, '{'),
      () => writeFile(refFile, JSON.stringify({ ...ref, materializer_abi: 1 })),
      () => writeFile(refFile, JSON.stringify({ ...ref, derivation_digest: digest('other') })),
      () => writeFile(refFile, JSON.stringify({ ...ref, artifact_digest: '../../../etc/passwd' })),
      () => rm(refFile),
    ];
    for (const damage of damages) {
      await damage();
      expect(await findFlat({ layout, image, platform })).toBeNull();
      expect((await materializeFlat({ layout, image, platform })).ref).toEqual(ref);
    }
    const arm = { os: 'linux', architecture: 'arm64' };
    const other = await materializeFlat({ layout, image, platform: arm });
    expect(other.ref.derivation_digest).not.toBe(ref.derivation_digest);
    expect(await findFlat({ layout, image, platform })).toBeNull();
  });

  it('replaces wrong bytes under the right name, and refuses a wrong length', async () => {
    const image = await imageOf('golden', [goldenLayer0()]);
    const { path, ref } = await materializeFlat({ layout, image, platform });
    await writeFile(path, Buffer.alloc(256 * MIB));
    await materializeFlat({ layout, image, platform, force: true });
    expect(await sha256(path)).toBe(ref.artifact_digest);
    await truncate(path, 128 * MIB);
    await expect(materializeFlat({ layout, image, platform })).rejects.toMatchObject({
      code: 'image',
      message: `cache error at ${path}: content-addressed flat blob has an unexpected size`,
    });
  });

  it('is done once by several at the same time', async () => {
    const image = await imageOf('golden', [goldenLayer0(), goldenLayer1()]);
    const made = await Promise.all([1, 2, 3].map(() => materializeFlat({ layout, image, platform })));
    expect(new Set(made.map(({ ref }) => ref.artifact_digest)).size).toBe(1);
    expect(await readdir(join(layout.root, 'flat/blobs'))).toHaveLength(1);
  });

  it('says which layer is broken, and leaves nothing behind', async () => {
    const image = await imageOf('golden', [goldenLayer0(), goldenLayer1()]);
    const [, second] = image.layers;
    await writeFile(layout.layer(second?.diff_id ?? ''), 'broken');
    await expect(materializeFlat({ layout, image, platform })).rejects.toMatchObject({
      code: 'image',
      message: expect.stringContaining(
        `materialization failed for layer ${second?.diff_id}: failed to reconstruct cached EROFS layer for flat`,
      ),
    });
    expect(await readdir(join(layout.root, 'tmp'))).toEqual([]);
    expect(await readdir(join(layout.root, 'flat/blobs'))).toEqual([]);
  });

  it('ends when it is told to', async () => {
    const image = await imageOf('golden', [goldenLayer0()]);
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(materializeFlat({ layout, image, platform, signal })).rejects.toThrow('enough');
    expect(await readdir(join(layout.root, 'tmp'))).toEqual([]);
  });

  it.skipIf(noExt4Mount !== null)(
    'gives what the kernel sees of the layers',
    { timeout: 120_000 },
    async () => {
      for (let seed = 30; seed < 36; seed++) {
        const trees = [randomExt4Tree(seed), randomExt4Tree(seed + 100)];
        const image = await imageOf(`random ${seed}`, trees);
        const { path } = await materializeFlat({ layout, image, platform });
        await expectClean(path);
        const merged = mergeLayers(trees);
        const names = await withExt4(path, join(dir, 'mount'), 'ro', () => dumpFolder(join(dir, 'mount')));
        expect(names).toHaveLength(measureNames(merged.root));
        for (const [shown, node] of files(merged.root)) {
          const hash = createHash('sha256')
            .update(node.data.source === 'memory' ? node.data.bytes : '')
            .digest('hex');
          expect(names.find((line) => line.startsWith(`${shown} file `))).toContain(`${node.size} ${hash}`);
        }
      }
    },
  );

  it('manages every depth', { timeout: 60_000 }, async () => {
    const root = createDirectory();
    let at: DirectoryNode = root;
    for (let i = 0; i < 4000; i++) {
      const next = createDirectory();
      at.children.set('d', next);
      at = next;
    }
    const image = await imageOf('deep', [{ root }, { root }]);
    const { path, ref } = await materializeFlat({ layout, image, platform });
    expect(ref.inode_count).toBe(4001);
    if (noE2fsprogs === null) await expectClean(path);
  });

  it('keeps holes of large files', { timeout: 60_000 }, async () => {
    const spool = join(dir, 'sparse');
    await writeFile(spool, 'start');
    await truncate(spool, 600 * MIB);
    const sparse: FileNode = {
      ...(goldenLayer1().root.children.get('lib') as FileNode),
      kind: 'file',
      mode: 0o644,
      xattrs: new Map(),
      size: 600 * MIB,
      data: { source: 'region', path: spool, offset: 0 },
    };
    const root = createDirectory();
    root.children.set('sparse', sparse);
    const image = await imageOf('sparse', [{ root }]);
    const { path, ref } = await materializeFlat({ layout, image, platform });
    expect(ref.content_bytes).toBe(600 * MIB);
    expect((await stat(path)).blocks * 512).toBeLessThan(8 * MIB);
    if (noE2fsprogs === null) await expectClean(path);
  });
});

function measureNames(root: DirectoryNode): number {
  let names = 0;
  const stack = [root];
  for (let directory = stack.pop(); directory !== undefined; directory = stack.pop()) {
    names += directory.children.size;
    for (const node of directory.children.values()) if (node.kind === 'directory') stack.push(node);
  }
  return names;
}

function* files(root: DirectoryNode): Generator<[string, FileNode]> {
  const stack: [string, DirectoryNode][] = [['', root]];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const [path, directory] = next;
    for (const [name, node] of directory.children) {
      if (node.kind === 'directory') stack.push([`${path}/${name}`, node]);
      if (node.kind === 'file') yield [`${path}/${name}`, node];
    }
  }
}

describe('createFlatDisk', () => {
  let flat: FlatImage;
  let path: string;
  beforeEach(async () => {
    const image = await imageOf('golden', [goldenLayer0(), goldenLayer1()]);
    flat = await materializeFlat({ layout, image, platform });
    path = join(dir, 'rootfs.raw');
  });

  it('clones and grows to 4 GiB', async () => {
    const made = await createFlatDisk({ imagePath: flat.path, path });
    expect(made.sizeBytes).toBe(4096 * MIB);
    const { size, mode, blocks } = await stat(path);
    expect([size, mode & 0o777]).toEqual([4096 * MIB, 0o600]);
    if (made.clone === 'copy') expect(blocks * 512).toBeLessThan(8 * MIB);
    if (noE2fsprogs === null) await expectClean(path);
    expect(await sha256(flat.path)).toBe(flat.ref.artifact_digest);
    expect(await readdir(dir)).not.toContain('rootfs.raw.part');
  });

  it('takes the size that is asked for, but no smaller one than the image', async () => {
    const same = await createFlatDisk({ imagePath: flat.path, path, sizeMib: 256, clone: 'copy' });
    expect(same).toEqual({ clone: 'copy', sizeBytes: 256 * MIB });
    expect(await sha256(path)).toBe(flat.ref.artifact_digest);
    await rm(path);
    // A last piece that cannot hold its own metadata is left out.
    expect((await createFlatDisk({ imagePath: flat.path, path, sizeMib: 385 })).sizeBytes).toBe(384 * MIB);
    await rm(path);
    await expect(createFlatDisk({ imagePath: flat.path, path, sizeMib: 255 })).rejects.toMatchObject({
      code: 'invalidConfig',
      message: 'flat root disk must be at least 256 MiB for this image (requested 255 MiB)',
    });
    expect(await readdir(dir)).toEqual(['cache']);
  });

  it('says when the file system cannot share blocks', async () => {
    const probe = await copyFile(flat.path, join(dir, 'probe'), 4).then(
      () => true,
      () => false,
    );
    await rm(join(dir, 'probe'), { force: true });
    const attempt = createFlatDisk({ imagePath: flat.path, path, sizeMib: 512, clone: 'reflink' });
    if (probe) {
      expect((await attempt).clone).toBe('reflink');
    } else {
      await expect(attempt).rejects.toMatchObject({
        code: 'image',
        message: expect.stringMatching(/^flat rootfs requested clone=reflink, but the clone failed: /),
      });
      expect(await readdir(dir)).toEqual(['cache']);
    }
  });

  it('refuses to replace a disk, and to clone what is no flat image', async () => {
    await writeFile(path, 'mine');
    await expect(createFlatDisk({ imagePath: flat.path, path })).rejects.toThrow(
      `flat rootfs already exists at ${path}`,
    );
    expect(await readFile(path, 'utf8')).toBe('mine');
    await rm(path);
    await expect(createFlatDisk({ imagePath: join(dir, 'absent'), path })).rejects.toThrow(
      `cannot read flat rootfs artifact at ${join(dir, 'absent')}: `,
    );
    await writeFile(join(dir, 'other'), Buffer.alloc(8 * MIB, 1));
    await expect(createFlatDisk({ imagePath: join(dir, 'other'), path })).rejects.toThrow(
      'failed to grow cloned flat rootfs: unsupported ext4 image: bad superblock magic',
    );
    expect((await readdir(dir)).sort()).toEqual(['cache', 'other']);
  });

  it('takes the place of a clone that was cut off', async () => {
    await writeFile(`${path}.part`, 'half');
    await createFlatDisk({ imagePath: flat.path, path, sizeMib: 512 });
    expect(await readdir(dir)).not.toContain('rootfs.raw.part');
  });

  it('grows later', async () => {
    await createFlatDisk({ imagePath: flat.path, path, sizeMib: 512 });
    await growFlatDisk({ path, sizeMib: 400 });
    expect((await stat(path)).size).toBe(512 * MIB);
    await growFlatDisk({ path, sizeMib: 1024 });
    expect((await stat(path)).size).toBe(1024 * MIB);
    if (noE2fsprogs === null) await expectClean(path);
    await expect(growFlatDisk({ path, sizeMib: 2 ** 22 })).rejects.toMatchObject({
      code: 'invalidConfig',
      message: expect.stringMatching(/^failed to grow flat rootfs: cannot grow ext4 image to /),
    });
  });
});
