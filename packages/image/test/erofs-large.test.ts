import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readErofsLayer } from '../src/erofs/read-erofs-layer.ts';
import { writeErofs } from '../src/erofs/write-erofs.ts';
import { writeFsmeta } from '../src/erofs/write-fsmeta.ts';
import { readLayerTar } from '../src/tar/read-layer-tar.ts';
import { mergeLayers } from '../src/tree/merge-layers.ts';
import { createDirectory, type LayerTree } from '../src/tree/nodes.ts';
import { dumpTree } from './dump-tree.ts';
import { fsckErofs, noFsckErofs } from './fsck-erofs.ts';
import { paxEntry, tarEntry } from './tar-builder.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'msb-large-'));
});
afterEach(() => rm(dir, { recursive: true }));

async function read(chunks: Iterable<Uint8Array>): Promise<LayerTree> {
  async function* stream(): AsyncGenerator<Uint8Array> {
    yield* chunks;
  }
  return readLayerTar(stream(), { spoolPath: join(dir, 'spool') });
}

describe('large layers', () => {
  it('of one directory of 100 000 names', { timeout: 60_000 }, async () => {
    const tree = await read(
      (function* () {
        for (let i = 0; i < 100_000; i++) yield tarEntry({ name: `d/${i}`, body: i % 1000 === 0 ? 'x' : '' });
      })(),
    );
    const map = await writeErofs(tree, join(dir, 'erofs'));
    expect((await readErofsLayer(join(dir, 'erofs'))).dataMap.extents.size).toBe(100_000);
    await writeFsmeta({ merged: mergeLayers([tree]), layers: [map] }, join(dir, 'fsmeta'));
    if (noFsckErofs === null) await fsckErofs(join(dir, 'erofs'));
  });

  it('of the deepest tree', async () => {
    const path = Array.from({ length: 127 }, (_, i) => `directory-number-${i}`).join('/');
    const tree = await read([paxEntry({ path: `${path}/file` }), tarEntry({ name: 'x', body: 'deep' })]);
    await writeErofs(tree, join(dir, 'erofs'));
    const { tree: again } = await readErofsLayer(join(dir, 'erofs'));
    expect(await dumpTree(again)).toEqual(await dumpTree(tree));
    if (noFsckErofs === null) await fsckErofs(join(dir, 'erofs'));
  });

  it("of trees deeper than any engine's stack", { timeout: 60_000 }, async () => {
    const root = createDirectory();
    let parent = root;
    for (let i = 0; i < 50_000; i++) {
      const child = createDirectory();
      parent.children.set('d', child);
      parent = child;
    }
    await writeErofs({ root }, join(dir, 'erofs'));
    let depth = 0;
    let node = (await readErofsLayer(join(dir, 'erofs'))).tree.root.children.get('d');
    for (; node?.kind === 'directory'; node = node.children.get('d')) depth++;
    expect(depth).toBe(50_000);
  });

  it('of files beyond 4 GiB, as far as their place is concerned', async () => {
    const GiB = 1024 ** 3;
    const file = (size: number) =>
      ({
        kind: 'file',
        mode: 0o644,
        uid: 0,
        gid: 0,
        mtime: 0,
        mtimeNsec: 0,
        xattrs: new Map(),
        size,
        data: { source: 'none' },
      }) as const;
    const root = createDirectory();
    const [big, small] = [file(5 * GiB), file(1)];
    root.children.set('big', big);
    root.children.set('small', small);
    const startBlock = 2 ** 21;
    const extents = new Map([
      [big, { startBlock: 2, size: big.size }],
      [small, { startBlock, size: 1 }],
    ]);
    const fsmeta = join(dir, 'fsmeta');
    await writeFsmeta(
      { merged: mergeLayers([{ root }]), layers: [{ totalBlocks: 2 ** 22, extents }] },
      fsmeta,
    );
    // The last of its chunks, on device 1.
    const last = Buffer.alloc(8);
    last.writeUInt16LE(1, 2);
    last.writeUInt32LE(2 + (5 * GiB) / 4096 - 1, 4);
    expect((await readFile(fsmeta)).includes(last)).toBe(true);
  });
});
