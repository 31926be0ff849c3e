import { execFile } from 'node:child_process';
import { lstat, mkdtemp, open, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SeededRandom } from '@microsandbox/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeDeviceNumber, encodeDeviceNumber } from '../src/erofs/device-number.ts';
import { NODE_TYPES } from '../src/erofs/erofs-format.ts';
import { writeErofs } from '../src/erofs/write-erofs.ts';
import { writeFsmeta } from '../src/erofs/write-fsmeta.ts';
import { mergeLayers } from '../src/tree/merge-layers.ts';
import type { DirectoryNode, LayerTree, TreeNode } from '../src/tree/nodes.ts';
import { fileBytes } from './dump-tree.ts';
import { noKernelMount, withMount } from './kernel-mount.ts';
import { randomTree } from './random-tree.ts';

const run = promisify(execFile);

const noPython: string | null = await run('python3', ['-c', 'import os; os.getxattr']).then(
  () => null,
  () => 'no python3 to read extended attributes with',
);
if (noPython !== null) console.error(`SKIPPED: ${noPython}`);

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'msb-kernel-'));
});
afterEach(() => rm(dir, { recursive: true }));

describe('what the kernel sees', () => {
  it.skipIf(noKernelMount !== null)('in layer images', { timeout: 120_000 }, async () => {
    for (let seed = 1; seed <= 8; seed++) {
      const tree = randomTree(new SeededRandom(seed));
      // A new file each: a loop device that somebody holds still would be used again, with what it knows of the old one.
      const image = join(dir, `image${seed}`);
      await writeErofs(tree, image);
      await withMount(image, join(dir, 'mount'), () => expectTree(tree, join(dir, 'mount'), `seed ${seed}`));
    }
  });

  it.skipIf(noKernelMount !== null)(
    'in the metadata image and its layers as one disk',
    { timeout: 120_000 },
    async () => {
      for (let seed = 100; seed < 108; seed++) {
        const random = new SeededRandom(seed);
        // More than 23 devices make the device table longer than the first block.
        const count = seed === 100 ? 30 : 1 + random.below(4);
        const trees = Array.from({ length: count }, () => randomTree(random));
        const layers = [];
        for (const [i, tree] of trees.entries()) layers.push(await writeErofs(tree, join(dir, `layer${i}`)));
        const merged = mergeLayers(trees);
        await writeFsmeta({ merged, layers }, join(dir, 'fsmeta'));
        const disk = join(dir, `disk${seed}`);
        await concatenate(disk, [join(dir, 'fsmeta'), ...trees.map((_, i) => join(dir, `layer${i}`))]);
        await withMount(disk, join(dir, 'mount'), () =>
          expectTree(merged, join(dir, 'mount'), `seed ${seed}`),
        );
      }
    },
  );
});

async function concatenate(target: string, parts: readonly string[]): Promise<void> {
  const handle = await open(target, 'w');
  for (const part of parts) await handle.write(await readFile(part));
  await handle.close();
}

/** Compares every node of a tree with the mounted image, and that the image has no other names. */
async function expectTree(tree: LayerTree, mount: string, what: string): Promise<void> {
  const links = countLinks(tree.root);
  const inodes = new Map<TreeNode, bigint>();
  const xattrs: [path: string, name: string, value: string][] = [];
  const stack: [Buffer, DirectoryNode][] = [[Buffer.from(mount), tree.root]];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const [folder, directory] = next;
    const names = (await readdir(folder, { encoding: 'buffer' })).map((name) => name.toString('latin1'));
    expect(names.sort(), what).toEqual([...directory.children.keys()].sort());
    for (const [name, node] of directory.children) {
      const path = Buffer.concat([folder, Buffer.from(`/${name}`, 'latin1')]);
      const shown = `${what}: ${path.toString('latin1')}`;
      const stats = await lstat(path, { bigint: true });
      const { mode, uid, gid, mtime, mtimeNsec } = node.kind === 'directory' ? node.metadata : node;
      expect(Number(stats.mode), shown).toBe(NODE_TYPES[node.kind].mode | mode);
      expect([stats.uid, stats.gid], shown).toEqual([BigInt(uid), BigInt(gid)]);
      expect(stats.mtimeNs, shown).toBe(BigInt(mtime) * 1_000_000_000n + BigInt(mtimeNsec));
      if (node.kind !== 'directory') expect(Number(stats.nlink), shown).toBe(links.get(node));
      if (inodes.has(node)) expect(stats.ino, shown).toBe(inodes.get(node));
      inodes.set(node, stats.ino);
      if (node.kind === 'file')
        expect((await readFile(path)).equals(await fileBytes(node)), shown).toBe(true);
      if (node.kind === 'symlink')
        expect(await readlink(path, { encoding: 'latin1' }), shown).toBe(node.target);
      if (node.kind === 'char-device' || node.kind === 'block-device') {
        const { major, minor } = decodeDeviceNumber(encodeDeviceNumber(node.major, node.minor));
        expect(decodeDeviceNumber(Number(stats.rdev)), shown).toEqual({ major, minor });
      }
      if (node.kind === 'directory') stack.push([path, node]);
      if ('xattrs' in node) {
        for (const [key, value] of node.xattrs)
          xattrs.push([path.toString('hex'), key, value.toString('hex')]);
      }
    }
  }
  if (noPython === null) await expectXattrs(xattrs, what);
}

async function expectXattrs(expected: readonly [string, string, string][], what: string): Promise<void> {
  const script =
    'import os,sys,json\n' +
    'print(json.dumps([[p,k,os.getxattr(bytes.fromhex(p),k,follow_symlinks=False).hex()] for p,k,_ in json.load(sys.stdin)]))';
  const child = run('python3', ['-c', script], { timeout: 20_000, maxBuffer: 64 * 1024 * 1024 });
  child.child.stdin?.end(JSON.stringify(expected));
  expect(JSON.parse((await child).stdout), what).toEqual(expected);
}

function countLinks(root: DirectoryNode): Map<TreeNode, number> {
  const links = new Map<TreeNode, number>();
  const stack = [root];
  for (let directory = stack.pop(); directory !== undefined; directory = stack.pop()) {
    for (const node of directory.children.values()) {
      links.set(node, (links.get(node) ?? 0) + 1);
      if (node.kind === 'directory') stack.push(node);
    }
  }
  return links;
}
