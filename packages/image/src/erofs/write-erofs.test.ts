import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '@microsandbox/test-utils';
import { ImageError } from '@microsandbox/types';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dumpTree } from '../../test/dump-tree.ts';
import {
  createDirectory,
  type FileData,
  type FileNode,
  type LayerTree,
  NO_XATTRS,
  type Xattrs,
} from '../tree/nodes.ts';
import { readErofsLayer } from './read-erofs-layer.ts';
import { writeErofs } from './write-erofs.ts';

let dir: string;
let path: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'msb-write-'));
  path = join(dir, 'image');
});
afterEach(() => rm(dir, { recursive: true }));

function file(size: number, data: FileData, xattrs: Xattrs = NO_XATTRS): FileNode {
  return { kind: 'file', mode: 0o644, uid: 0, gid: 0, mtime: 0, mtimeNsec: 0, xattrs, size, data };
}

function treeOf(files: readonly FileNode[]): LayerTree {
  const root = createDirectory();
  for (const [i, node] of files.entries()) root.children.set(String(i).padStart(4, '0'), node);
  return { root };
}

describe('writeErofs', () => {
  it('copies from host files: in order, out of order, apart, and from several', async () => {
    const random = new SeededRandom(3);
    const bytes = random.bytes(4 * 1024 * 1024);
    const sources = [join(dir, 'a'), join(dir, 'b')];
    for (const source of sources) await writeFile(source, bytes);
    const files: FileNode[] = [];
    for (let at = 0, i = 0; at < bytes.length - 700_000 && i < 600; i++) {
      const size = random.pick([1, 4096, 5000, 65_536, 3 * 4096 + 1, 700_000]);
      const offset = random.chance(0.2) ? random.below(bytes.length - size) : at;
      files.push(file(size, { source: 'region', path: random.pick(sources), offset }));
      if (random.chance(0.1)) files.push(file(100, { source: 'memory', bytes: random.bytes(100) }));
      at += Math.ceil(size / 4096) * 4096;
    }
    const tree = treeOf(files);
    await writeErofs(tree, path);
    expect(await dumpTree((await readErofsLayer(path)).tree)).toEqual(await dumpTree(tree));
  });

  it('replaces what was at its path, whole', async () => {
    await writeFile(path, Buffer.alloc(100_000, 'x'));
    await writeErofs(treeOf([]), path);
    const first = await readFile(path);
    await writeErofs(treeOf([]), path);
    expect(first).toHaveLength(8192);
    expect((await readFile(path)).equals(first)).toBe(true);
  });

  it.each<[string, FileNode, RegExp]>([
    ['no data', file(5, { source: 'none' }), /no data of its size/],
    ['data of another size', file(5, { source: 'memory', bytes: Buffer.alloc(4) }), /no data of its size/],
    [
      'a missing source',
      file(5, { source: 'region', path: '/nonexistent/x', offset: 0 }),
      /^cannot read .*ENOENT/,
    ],
    [
      'a source that is too short',
      file(5, { source: 'region', path: '/dev/null', offset: 0 }),
      /: it ends (?:at byte 0, )?before its data does/,
    ],
    [
      'other xattrs',
      file(0, { source: 'none' }, new Map([['system.x', Buffer.from('')]])),
      /unsupported xattr prefix/,
    ],
    ['a huge xattr', file(0, { source: 'none' }, new Map([['user.x', Buffer.alloc(65_536)]])), /too large/],
  ])('refuses %s', async (_name, node, message) => {
    const empty =
      node.size === 0 ? { ...node, data: { source: 'memory', bytes: Buffer.alloc(0) } as const } : node;
    const writing = writeErofs(treeOf([empty]), path);
    await expect(writing).rejects.toThrow(ImageError);
    await expect(writing).rejects.toThrow(message);
  });

  it('stops when asked to', async () => {
    await expect(writeErofs(treeOf([]), path, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    });
    const abort = new AbortController();
    const source = join(dir, 'source');
    await writeFile(source, Buffer.alloc(16 * 1024 * 1024));
    const big = Array.from({ length: 40 }, () =>
      file(16 * 1024 * 1024, { source: 'region', path: source, offset: 0 }),
    );
    setTimeout(() => abort.abort(), 5);
    await expect(writeErofs(treeOf(big), path, { signal: abort.signal })).rejects.toMatchObject({
      name: 'AbortError',
    });
  });
});
