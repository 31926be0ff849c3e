import { execFile } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { chmod, link, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SeededRandom } from '@microsandbox/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeErofs } from '../src/erofs/write-erofs.ts';
import { writeFsmeta } from '../src/erofs/write-fsmeta.ts';
import { readLayerTar } from '../src/tar/read-layer-tar.ts';
import { findNode } from '../src/tree/find-node.ts';
import { mergeLayers } from '../src/tree/merge-layers.ts';
import type { LayerTree } from '../src/tree/nodes.ts';
import { dumpFolder } from './dump-folder.ts';
import { fsckErofs, noFsckErofs } from './fsck-erofs.ts';
import { type TarEntry, tarArchive } from './tar-builder.ts';

const run = promisify(execFile);

const notRoot = process.getuid?.() === 0 ? null : 'unpacking owners and devices needs root';
if (notRoot !== null) console.error(`SKIPPED: EROFS oracle: ${notRoot}`);
const skip = noFsckErofs !== null || notRoot !== null;

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'msb-oracle-'));
});
afterEach(() => rm(dir, { recursive: true }));

describe('a tree packed by GNU tar', () => {
  for (const format of ['gnu', 'posix']) {
    it.skipIf(skip)(
      `comes out of the image as it was (--format=${format})`,
      { timeout: 60_000 },
      async () => {
        await makeFolder(join(dir, 'in'));
        await run('tar', [`--format=${format}`, '-cf', join(dir, 'tar'), '-C', join(dir, 'in'), '.']);
        const tree = await readLayerTar(createReadStream(join(dir, 'tar')), {
          spoolPath: join(dir, 'spool'),
        });
        await writeErofs(tree, join(dir, 'erofs'));
        await fsckErofs(join(dir, 'erofs'), { extractTo: join(dir, 'out') });
        expect(await dumpFolder(join(dir, 'out'))).toEqual(await dumpFolder(join(dir, 'in')));
        expect(await facts('/links/one')).toMatchObject({ links: 3, nid: (await facts('/links/three')).nid });
        expect(findNode(tree.root, ['suid'])).toMatchObject({ mode: 0o4755 });
      },
    );
  }
});

describe('layers merged by a metadata image', () => {
  it.skipIf(skip)('read as one tree', async () => {
    const layers = [
      await layer(
        { name: 'etc/', type: '5', mode: 0o755 },
        { name: 'etc/old', body: 'old' },
        { name: 'opt/app/a', body: 'a'.repeat(9000) },
        { name: 'opt/app/b', body: 'b' },
        { name: 'opt/link', type: '1', linkName: 'opt/app/a' },
        { name: 'usr/bin/x', body: 'x1' },
        { name: 'lib', type: '2', linkName: 'usr/lib' },
        { name: 'tmp', type: '5', mode: 0o1777 },
      ),
      await layer(
        { name: 'etc/.wh.old' },
        { name: 'etc/new', body: 'new' },
        { name: 'opt/app/', type: '5', mode: 0o700 },
        { name: 'opt/app/.wh..wh..opq' },
        { name: 'opt/app/c', body: 'c'.repeat(4096) },
        { name: 'lib', type: '5', mode: 0o755 },
        { name: 'lib/so', body: 'so' },
      ),
      await layer({ name: 'usr/bin/x', body: 'x3', mode: 0o755 }, { name: '.wh.tmp' }, { name: 'etc/empty' }),
    ];
    const maps = await Promise.all(layers.map((tree, i) => writeErofs(tree, join(dir, `layer${i}`))));
    await writeFsmeta({ merged: mergeLayers(layers), layers: maps }, join(dir, 'fsmeta'));
    await fsckErofs(join(dir, 'fsmeta'), {
      extractTo: join(dir, 'out'),
      devices: layers.map((_, i) => join(dir, `layer${i}`)),
    });
    // What applying the layers by hand gives. `etc` has the metadata of upper layers, which do not describe it.
    const expected = join(dir, 'expected');
    await mkdir(expected);
    const archive = tarArchive(
      { name: 'etc/', type: '5', mode: 0o755, mtime: 0 },
      { name: 'etc/new', body: 'new' },
      { name: 'etc/empty' },
      { name: 'opt/', type: '5', mode: 0o755, mtime: 0 },
      { name: 'opt/app/', type: '5', mode: 0o700 },
      { name: 'opt/app/c', body: 'c'.repeat(4096) },
      { name: 'opt/link', body: 'a'.repeat(9000) },
      { name: 'usr/', type: '5', mode: 0o755, mtime: 0 },
      { name: 'usr/bin/', type: '5', mode: 0o755, mtime: 0 },
      { name: 'usr/bin/x', body: 'x3', mode: 0o755 },
      { name: 'lib/', type: '5', mode: 0o755 },
      { name: 'lib/so', body: 'so' },
    );
    await writeFile(join(dir, 'expected.tar'), archive);
    await run('tar', ['-xpf', join(dir, 'expected.tar'), '-C', expected]);
    expect(await dumpFolder(join(dir, 'out'))).toEqual(await dumpFolder(expected));
  });
});

/** A folder with everything that file systems make hard. */
async function makeFolder(folder: string): Promise<void> {
  const random = new SeededRandom(7);
  const at = (...parts: string[]): string => join(folder, ...parts);
  await mkdir(at('links/sub'), { recursive: true });
  await writeFile(at('links/one'), 'linked');
  await link(at('links/one'), at('links/sub/two'));
  await link(at('links/one'), at('links/three'));
  await symlink('../nowhere', at('links/dangling'));
  await symlink('x'.repeat(4000), at('links/long'));
  for (const size of [0, 1, 511, 4095, 4096, 4097, 65_535, 65_536, 65_537, 300_000, 2_500_000]) {
    await writeFile(at(`size-${size}`), random.bytes(size));
  }
  await mkdir(at('n'.repeat(255), 'm'.repeat(255)), { recursive: true });
  await writeFile(at('n'.repeat(255), 'm'.repeat(255), 'f'.repeat(255)), 'deep');
  await mkdir(Buffer.concat([Buffer.from(at('/')), Buffer.from([0xff, 0xfe, 0x20])]));
  await mkdir(at('many'));
  for (let i = 0; i < 1500; i++) await writeFile(at('many', `${'!#a~'[i % 4]}${i}`), '');
  await mkdir(at(Array.from({ length: 100 }, (_, i) => `d${i}`).join('/')), { recursive: true });
  await writeFile(at('suid'), 'suid');
  await chmod(at('suid'), 0o4755);
  await run('mknod', [at('char'), 'c', '4', '300']);
  await run('mknod', [at('block'), 'b', '259', '65535']);
  await run('mkfifo', [at('fifo')]);
}

async function layer(...entries: TarEntry[]): Promise<LayerTree> {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield tarArchive(...entries);
  }
  return readLayerTar(chunks(), { spoolPath: join(dir, 'spool') });
}

/** What erofs-utils says about one path of the image. */
async function facts(path: string): Promise<{ nid: number; links: number }> {
  const { stdout } = await run('dump.erofs', [`--path=${path}`, join(dir, 'erofs')], { timeout: 10_000 });
  const number = (pattern: RegExp): number => Number(pattern.exec(stdout)?.[1]);
  return {
    nid: number(/NID: (\d+)/),
    links: number(/Links: (\d+)/),
  };
}
