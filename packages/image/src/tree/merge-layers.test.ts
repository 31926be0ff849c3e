import { describe, expect, it } from 'vitest';
import { dumpTree } from '../../test/dump-tree.ts';
import { mergeLayers } from './merge-layers.ts';
import {
  createDirectory,
  type DirectoryNode,
  type LayerTree,
  type Metadata,
  OPAQUE_XATTR,
  type TreeNode,
} from './nodes.ts';

const METADATA: Metadata = { mode: 0o644, uid: 0, gid: 0, mtime: 0, mtimeNsec: 0 };
const WHITEOUT = (): TreeNode => ({ kind: 'char-device', ...METADATA, major: 0, minor: 0 });
const link = (target: string): TreeNode => ({ kind: 'symlink', ...METADATA, target });

function directory(children: Record<string, TreeNode>, mode = 0o755, xattrs = {}): DirectoryNode {
  const node = createDirectory({ ...METADATA, mode }, new Map(Object.entries(xattrs)));
  for (const [name, child] of Object.entries(children)) node.children.set(name, child);
  return node;
}

const layer = (children: Record<string, TreeNode>): LayerTree => ({ root: directory(children) });
const opaque = { [OPAQUE_XATTR]: Buffer.from('y') };

/** Paths with what tells nodes apart, and the layer of each leaf. */
async function merged(...layers: LayerTree[]): Promise<string[]> {
  const tree = mergeLayers(layers);
  const lines = await dumpTree(tree);
  expect(tree.provenance.size).toBe(lines.filter((line) => !line.includes(' directory ')).length);
  return lines.slice(1).map((line) => line.replace(' 0 0 0.0', ''));
}

describe('mergeLayers', () => {
  it('gives an empty tree for no layers', async () => {
    expect(await merged()).toEqual([]);
  });

  it('adds, replaces and deletes', async () => {
    expect(
      await merged(
        layer({ a: link('0'), b: link('0'), c: directory({ x: link('0') }), d: directory({ y: link('0') }) }),
        layer({
          b: link('1'),
          a: WHITEOUT(),
          c: WHITEOUT(),
          d: directory({ z: link('1') }, 0o700),
          e: WHITEOUT(),
        }),
      ),
    ).toEqual(['/b symlink 644 -> 1', '/d directory 700', '/d/y symlink 644 -> 0', '/d/z symlink 644 -> 1']);
  });

  it("lets a directory take a leaf's place and the other way round", async () => {
    expect(
      await merged(
        layer({ a: link('0'), b: directory({ x: link('0') }) }),
        layer({ a: directory({ y: link('1') }), b: link('1') }),
      ),
    ).toEqual(['/a directory 755', '/a/y symlink 644 -> 1', '/b symlink 644 -> 1']);
  });

  it('hides what is below an opaque directory, and drops the mark', async () => {
    const lower = (): LayerTree => layer({ d: directory({ x: link('0'), e: directory({ y: link('0') }) }) });
    expect(await merged(lower(), layer({ d: directory({ z: link('1') }, 0o711, opaque) }))).toEqual([
      '/d directory 711',
      '/d/z symlink 644 -> 1',
    ]);
    expect(await merged(lower(), layer({ d: directory({ e: directory({}, 0o700, opaque) }) }))).toEqual([
      '/d directory 755',
      '/d/e directory 700',
      '/d/x symlink 644 -> 0',
    ]);
    expect(
      await merged(layer({ d: directory({}, 0o755, { ...opaque, 'user.a': Buffer.from('b') }) })),
    ).toEqual(['/d directory 755 user.a=62']);
  });

  it('keeps whiteouts in directories that no lower layer has', async () => {
    expect(await merged(layer({}), layer({ d: directory({ e: directory({ x: WHITEOUT() }) }) }))).toEqual([
      '/d directory 755',
      '/d/e directory 755',
      '/d/e/x char-device 644 0:0',
    ]);
  });

  it('ignores what a layer says of its own root', async () => {
    const upper = { root: directory({ b: link('1') }, 0o700, opaque) };
    const tree = mergeLayers([layer({ a: link('0') }), upper]);
    expect([...tree.root.children.keys()].sort()).toEqual(['a', 'b']);
    expect(tree.root).toMatchObject({ metadata: { mode: 0o755, mtime: 0 }, xattrs: new Map() });
  });

  it('leaves the layers as they were', async () => {
    const layers = [
      layer({ d: directory({ x: link('0') }) }),
      layer({ d: directory({ x: WHITEOUT(), y: link('1') }, 0o700, opaque) }),
      layer({ d: directory({ y: WHITEOUT() }) }),
    ];
    const before = await Promise.all(layers.map(dumpTree));
    mergeLayers(layers);
    expect(await Promise.all(layers.map(dumpTree))).toEqual(before);
  });

  it('names the last of equal layers as the source', () => {
    const twice = layer({ a: link('0') });
    const tree = mergeLayers([twice, layer({ a: link('1') }), twice]);
    expect([...tree.provenance.values()]).toEqual([2]);
  });

  it('manages trees of any depth', () => {
    const deep = (leaf: TreeNode): LayerTree => {
      let node = directory({ leaf });
      for (let i = 0; i < 100_000; i++) node = directory({ d: node });
      return { root: node };
    };
    const tree = mergeLayers([deep(link('0')), deep(link('1'))]);
    expect(tree.provenance.size).toBe(1);
    expect([...tree.provenance.values()]).toEqual([1]);
  });
});
