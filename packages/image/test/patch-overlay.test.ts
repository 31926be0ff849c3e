import { execFile } from 'node:child_process';
import {
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { SeededRandom } from '@microsandbox/test-utils';
import { PatchFailedError } from '@microsandbox/types';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeErofs } from '../src/erofs/write-erofs.ts';
import { writeFsmeta } from '../src/erofs/write-fsmeta.ts';
import { createUpperDisk } from '../src/ext4/create-upper-disk.ts';
import { buildPatchTree } from '../src/patch/build-patch-tree.ts';
import type { RootfsPatch } from '../src/patch/rootfs-patch.ts';
import { mergeLayers } from '../src/tree/merge-layers.ts';
import {
  createDirectory,
  type DirectoryNode,
  isWhiteout,
  type LayerTree,
  NO_XATTRS,
  OPAQUE_XATTR,
  type TreeNode,
} from '../src/tree/nodes.ts';
import { expectClean, noE2fsprogs, noExt4Mount, withExt4 } from './ext4-kernel.ts';
import { noKernelMount, withMount } from './kernel-mount.ts';

const run = promisify(execFile);
const missing = noKernelMount ?? noExt4Mount ?? noE2fsprogs;

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'msb-overlay-'));
});
afterEach(() => rm(dir, { recursive: true }));

async function withOverlay<T>(lower: string, upper: string, use: (folder: string) => Promise<T>): Promise<T> {
  const folder = join(dir, 'overlay');
  await mkdir(folder, { recursive: true });
  const options = `lowerdir=${lower},upperdir=${upper}/upper,workdir=${upper}/work`;
  await run('mount', ['-t', 'overlay', '-o', options, 'overlay', folder], { timeout: 20_000 });
  try {
    return await use(folder);
  } finally {
    await run('umount', [folder], { timeout: 20_000 });
  }
}

describe.skipIf(missing !== null)('the kernel sees of image and patches', { timeout: 240_000 }, () => {
  it('what the same changes make of a plain folder', async () => {
    let [applied, refused] = [0, 0];
    for (let seed = 1; seed <= 25; seed++) {
      const random = new SeededRandom(seed);
      const trees = Array.from({ length: 1 + random.below(4) }, () => randomLayer(random));
      dropIdleWhiteouts(trees);
      const { layerPaths, disk } = await writeImage(trees);
      const model = join(dir, 'model');
      await withMount(disk, join(dir, 'lower'), async () => {
        await mkdir(join(dir, 'empty/upper'), { recursive: true });
        await mkdir(join(dir, 'empty/work'));
        await withOverlay(join(dir, 'lower'), join(dir, 'empty'), async (folder) => {
          await run('cp', ['-a', folder, model]);
        });
        const patches: RootfsPatch[] = [];
        for (let count = 12; count > 0; count--) {
          const patch = await randomPatch(random, model);
          const [ours, theirs] = [await accepts([...patches, patch], layerPaths), await change(model, patch)];
          expect(ours, `seed ${seed}: ${JSON.stringify([...patches, patch])}`).toBe(theirs);
          if (ours) patches.push(patch);
          ours ? applied++ : refused++;
        }
        const upper = join(dir, `upper${seed}.ext4`);
        await createUpperDisk({
          path: upper,
          sizeMib: 16,
          tree: await buildPatchTree({ patches, layerPaths }),
        });
        await expectClean(upper);
        await withExt4(upper, join(dir, 'upper'), 'rw', () =>
          withOverlay(join(dir, 'lower'), join(dir, 'upper'), async (folder) => {
            const what = `seed ${seed}: ${JSON.stringify(patches)}`;
            expect(await dump(folder), what).toEqual(await dump(model));
          }),
        );
        await expectClean(upper);
      });
      for (const used of ['model', 'empty']) await rm(join(dir, used), { recursive: true });
    }
    expect(Math.min(applied, refused)).toBeGreaterThan(20);
  });

  it('large files, copied and appended to', async () => {
    const root = createDirectory();
    const lower = Buffer.alloc(5_000_001, 'lower');
    root.children.set('log', fileNode(lower));
    const { layerPaths, disk } = await writeImage([{ root }]);
    const host = join(dir, 'host');
    await writeFile(host, Buffer.alloc(9_000_017, 'host'));
    const patches: RootfsPatch[] = [
      { kind: 'copyFile', src: host, dst: '/opt/host' },
      { kind: 'append', path: '/opt/host', content: 'end' },
      { kind: 'append', path: '/log', content: 'x'.repeat(10_000) },
      { kind: 'append', path: '/log', content: 'end' },
    ];
    const tree = await buildPatchTree({ patches, layerPaths });
    const upper = join(dir, 'upper.ext4');
    await createUpperDisk({ path: upper, sizeMib: 64, tree });
    await expectClean(upper);
    await withMount(disk, join(dir, 'lower'), () =>
      withExt4(upper, join(dir, 'upper'), 'rw', () =>
        withOverlay(join(dir, 'lower'), join(dir, 'upper'), async (folder) => {
          const expected = [
            Buffer.concat([await readFile(host), Buffer.from('end')]),
            Buffer.concat([lower, Buffer.from(`${'x'.repeat(10_000)}end`)]),
          ];
          const found = [await readFile(join(folder, 'opt/host')), await readFile(join(folder, 'log'))];
          expect(found.map((bytes, i) => bytes.equals(expected[i] as Buffer))).toEqual([true, true]);
        }),
      ),
    );
  });

  it('many files of the host, more than a process can open', async () => {
    const src = join(dir, 'many');
    await mkdir(src);
    // Larger than what is kept in memory, one by one and together.
    for (let i = 0; i < 300; i++) await writeFile(join(src, `${i}`), Buffer.alloc(70_000, i));
    const patches: RootfsPatch[] = [{ kind: 'copyDir', src, dst: '/many' }];
    const tree = await buildPatchTree({ patches, layerPaths: [] });
    const upper = join(dir, 'upper.ext4');
    await createUpperDisk({ path: upper, sizeMib: 64, tree });
    await expectClean(upper);
    await withExt4(upper, join(dir, 'upper'), 'ro', async () => {
      expect(await dump(join(dir, 'upper/upper/many'))).toEqual(await dump(src));
    });
  });
});

/**
 * Writes layers, and the disk that joins them. New files each time: a loop device that somebody holds still would be used
 * again, with what it knows of the old one.
 */
async function writeImage(
  trees: readonly LayerTree[],
): Promise<{ readonly layerPaths: readonly string[]; readonly disk: string }> {
  const folder = await mkdtemp(join(dir, 'image-'));
  const layerPaths: string[] = [];
  const layers = [];
  for (const [i, tree] of trees.entries()) {
    const path = join(folder, `layer${i}`);
    layerPaths.push(path);
    layers.push(await writeErofs(tree, path));
  }
  await writeFsmeta({ merged: mergeLayers(trees), layers }, join(folder, 'fsmeta'));
  const disk = join(folder, 'disk');
  const handle = await open(disk, 'w');
  for (const part of [join(folder, 'fsmeta'), ...layerPaths]) await handle.write(await readFile(part));
  await handle.close();
  return { layerPaths, disk };
}

/** Few names, so that layers and patches meet. */
function randomLayer(random: SeededRandom): LayerTree {
  const root = createDirectory();
  const directories: DirectoryNode[] = [root];
  for (let count = 3 + random.below(20); count > 0; count--) {
    const { children } = random.pick(directories);
    const name = random.pick(['a', 'b', 'c', 'd']);
    if (children.has(name)) continue;
    const node = randomNode(random);
    children.set(name, node);
    if (node.kind === 'directory') directories.push(node);
  }
  return { root };
}

/** Whiteouts that delete nothing stay in a merged image, where listing a directory shows names that are not there. */
function dropIdleWhiteouts(trees: readonly LayerTree[]): void {
  const idle = new Set([...mergeLayers(trees).provenance.keys()].filter(isWhiteout));
  const stack = trees.map(({ root }) => root);
  for (let directory = stack.pop(); directory !== undefined; directory = stack.pop()) {
    for (const [name, node] of directory.children) {
      if (node.kind === 'directory') stack.push(node);
      else if (idle.has(node)) directory.children.delete(name);
    }
  }
}

const metadata = { mode: 0o755, uid: 0, gid: 0, mtime: 0, mtimeNsec: 0 };

function fileNode(bytes: Buffer): TreeNode {
  const data = { source: 'memory', bytes } as const;
  return { kind: 'file', ...metadata, xattrs: NO_XATTRS, size: bytes.length, data };
}

function randomNode(random: SeededRandom): TreeNode {
  if (random.chance(0.5)) {
    const xattrs = random.chance(0.3) ? new Map([[OPAQUE_XATTR, Buffer.from('y')]]) : NO_XATTRS;
    return createDirectory(metadata, xattrs);
  }
  switch (random.below(4)) {
    case 0:
      return { kind: 'symlink', ...metadata, target: random.pick(['a', '/b/c', '..']) };
    case 1:
      return { kind: 'char-device', ...metadata, mode: 0, major: 0, minor: 0 };
    default:
      return fileNode(Buffer.from(`layer ${random.below(1000)}`));
  }
}

async function randomPatch(random: SeededRandom, model: string): Promise<RootfsPatch> {
  const depth = 1 + random.below(4);
  const path = Array.from({ length: depth }, () => `/${random.pick(['a', 'b', 'c', 'd'])}`).join('');
  const kind = random.pick(['text', 'symlink', 'mkdir', 'remove', 'remove', 'append'] as const);
  // Whether a directory may be replaced depends on who made it.
  const replace = random.chance(0.3) && (await kindAt(model, path)) !== 'directory';
  switch (kind) {
    case 'text':
      return { kind, path, content: `patch ${random.below(1000)}`, replace };
    case 'symlink':
      return { kind, link: path, target: random.pick(['a', '/d']), replace };
    case 'append':
      return { kind, path, content: ` and ${random.below(1000)}` };
    default:
      return { kind, path };
  }
}

async function accepts(patches: readonly RootfsPatch[], layerPaths: readonly string[]): Promise<boolean> {
  try {
    await buildPatchTree({ patches, layerPaths });
    return true;
  } catch (error) {
    if (error instanceof PatchFailedError) return false;
    throw error;
  }
}

/** Makes the same change in a plain folder; false when it may not be made. */
async function change(model: string, patch: RootfsPatch): Promise<boolean> {
  if (patch.kind === 'copyDir' || patch.kind === 'copyFile') throw new Error('not in this test');
  const path = patch.kind === 'symlink' ? patch.link : patch.path;
  const parents = await parentsOf(model, path);
  const own = parents === 'directories' ? await kindAt(model, path) : null;
  const place = join(model, path);
  switch (patch.kind) {
    case 'remove':
      if (own !== null) await rm(place, { recursive: true });
      return true;
    case 'append':
      if (own !== 'file') return false;
      await writeFile(place, patch.content, { flag: 'a' });
      return true;
    case 'mkdir':
      if (parents === 'blocked' || (own !== null && own !== 'directory')) return false;
      await mkdir(place, { recursive: true });
      return true;
    default:
      if (parents === 'blocked' || (own !== null && patch.replace !== true)) return false;
      await mkdir(dirname(place), { recursive: true });
      await rm(place, { force: true });
      if (patch.kind === 'symlink') await symlink(patch.target, place);
      else await writeFile(place, patch.content as string);
      return true;
  }
}

/** Whether all parents are directories, some are absent, or something else is among them. */
async function parentsOf(model: string, path: string): Promise<'directories' | 'absent' | 'blocked'> {
  const names = path.split('/').slice(1, -1);
  for (let depth = 1; depth <= names.length; depth++) {
    const kind = await kindAt(model, names.slice(0, depth).join('/'));
    if (kind === null) return 'absent';
    if (kind !== 'directory') return 'blocked';
  }
  return 'directories';
}

async function kindAt(model: string, path: string): Promise<'file' | 'directory' | 'symlink' | null> {
  try {
    const stats = await lstat(join(model, path));
    return stats.isDirectory() ? 'directory' : stats.isSymbolicLink() ? 'symlink' : 'file';
  } catch {
    return null;
  }
}

/** Paths, kinds and contents below a folder. */
async function dump(folder: string, path = ''): Promise<string[]> {
  const lines: string[] = [];
  for (const name of (await readdir(join(folder, path))).sort()) {
    const child = join(path, name);
    const kind = await kindAt(folder, child);
    if (kind === 'directory') lines.push(child, ...(await dump(folder, child)));
    else if (kind === 'symlink') lines.push(`${child} -> ${await readlink(join(folder, child))}`);
    else lines.push(`${child}: ${await readFile(join(folder, child), 'latin1')}`);
  }
  return lines;
}
