import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeErofs } from '../src/erofs/write-erofs.ts';
import { writeFsmeta } from '../src/erofs/write-fsmeta.ts';
import { findNode } from '../src/tree/find-node.ts';
import { mergeLayers } from '../src/tree/merge-layers.ts';
import { createDirectory, type FileNode, type LayerTree, type LeafNode } from '../src/tree/nodes.ts';
import { goldenLayer0, goldenLayer1 } from './golden-trees.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'msb-golden-'));
});
afterEach(() => rm(dir, { recursive: true }));

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const leaf = (tree: LayerTree, path: string): LeafNode => findNode(tree.root, path.split('/')) as LeafNode;
const file = (tree: LayerTree, path: string): FileNode => leaf(tree, path) as FileNode;

/** SHA-256 of images that an independent implementation wrote for the same trees. */
describe('golden images', () => {
  it('empty tree', async () => {
    await writeErofs({ root: createDirectory() }, join(dir, 'x'));
    const image = await readFile(join(dir, 'x'));
    expect(image.length).toBe(8192);
    expect(image.subarray(1028, 1032).toString('hex')).toBe('ff501120');
    expect(sha256(image)).toBe('f9de11d7125d444d96bde9c8e71cea9da6508cbaa2632dc3437e048229a9956a');
  });

  it('L0', async () => {
    const tree = goldenLayer0();
    const map = await writeErofs(tree, join(dir, 'x'));
    expect(map.totalBlocks).toBe(5);
    expect(map.extents.get(file(tree, 'bin/sh'))).toEqual({ startBlock: 2, size: 5000 });
    expect(map.extents.get(file(tree, 'bin/ash'))).toEqual({ startBlock: 2, size: 5000 });
    expect(map.extents.get(file(tree, 'etc/hostname'))).toEqual({ startBlock: 4, size: 4 });
    const image = await readFile(join(dir, 'x'));
    expect(image.subarray(1028, 1032).toString('hex')).toBe('359ee3f1');
    expect(sha256(image)).toBe('5f4d0429c186ae381232f6607ee5cd18d158ac6657955cd9480cfb20b50e17be');
  });

  it('L1', async () => {
    const tree = goldenLayer1();
    const map = await writeErofs(tree, join(dir, 'x'));
    expect(map.totalBlocks).toBe(3);
    expect(map.extents.get(file(tree, 'etc/new'))).toEqual({ startBlock: 2, size: 4096 });
    expect(sha256(await readFile(join(dir, 'x')))).toBe(
      'c2d77de20115a252c8a52c4278692b8ae4f06f80aad50634f9ad9944da49a3fd',
    );
  });

  it('fsmeta of L0 and L1', async () => {
    const trees = [goldenLayer0(), goldenLayer1()];
    const layers = await Promise.all(trees.map((tree, i) => writeErofs(tree, join(dir, `layer${i}`))));
    const merged = mergeLayers(trees);
    for (const path of ['bin/ash', 'bin/sh', 'dev/null']) {
      expect(merged.provenance.get(leaf(merged, path)), path).toBe(0);
    }
    expect(merged.provenance.get(leaf(merged, 'etc/new'))).toBe(1);
    await writeFsmeta({ merged, layers }, join(dir, 'fsmeta'));
    expect(sha256(await readFile(join(dir, 'fsmeta')))).toBe(
      '3fa133729f046dd9a4a687d84d8bc0bcbce3d1471b3d01ab0dd0ddb813111b39',
    );
  });
});
