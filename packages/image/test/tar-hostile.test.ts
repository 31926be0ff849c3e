import { ImageError } from '@microsandbox/types';
import { describe, expect, it } from 'vitest';
import { readLayerTar } from '../src/tar/read-layer-tar.ts';
import type { LayerTree } from '../src/tree/nodes.ts';
import { paxEntry, paxRecord, type TarEntry, tarArchive, tarEntry } from './tar-builder.ts';

const MiB = 1024 * 1024;
const TiB = 1024 ** 4;

/** Reads an archive that must not need the spool file. */
function read(chunks: Iterable<Uint8Array>): Promise<LayerTree> {
  async function* stream(): AsyncGenerator<Uint8Array> {
    yield* chunks;
  }
  return readLayerTar(stream(), { spoolPath: '/nonexistent/spool' });
}

/** The same chunk for ever. */
function* endless(first: Uint8Array, rest: Uint8Array): Generator<Uint8Array> {
  yield first;
  for (;;) yield rest;
}

/**
 * Layers that want to take all memory or all time. Each must end in an error soon: limits of the reader, not of the test.
 */
describe('layers without an end', () => {
  it.each<[string, string, () => Iterable<Uint8Array>]>([
    ['zeros after the end marker', 'archive too large', () => endless(Buffer.alloc(0), Buffer.alloc(MiB))],
    [
      'a skipped member',
      'archive too large',
      () => endless(tarEntry({ name: 'a', type: 'Z', size: BigInt(TiB) }), Buffer.alloc(MiB)),
    ],
    [
      'global headers',
      'archive too large',
      () => endless(Buffer.alloc(0), tarEntry({ name: 'g', type: 'g', body: Buffer.alloc(MiB) })),
    ],
    ['members', 'entry count exceeded', () => endless(Buffer.alloc(0), manyMembers())],
    [
      'members outside the tree',
      'entry count exceeded',
      () => endless(Buffer.alloc(0), repeat(tarEntry({ name: './' }))),
    ],
    [
      'skipped members',
      'entry count exceeded',
      () => endless(Buffer.alloc(0), repeat(tarEntry({ name: 'a', type: 'Z' }))),
    ],
    ['directories that nobody listed', 'entry count exceeded', () => deepPaths()],
    ['long link targets', 'total metadata size exceeded', () => longLinks()],
    ['extended attributes', 'total metadata size exceeded', () => attributes()],
  ])('%s', { timeout: 60_000 }, async (_name, message, archive) => {
    await expect(read(archive())).rejects.toThrow(new ImageError(message));
  });
});

describe('layers that point elsewhere', () => {
  it.each<[string, string, TarEntry | Buffer]>([
    ['200 000 nested folders', 'path too long', paxEntry({ path: 'd/'.repeat(200_000) })],
    ['a file of 10 TiB', 'file too large', { name: 'a', size: BigInt(10 * TiB) }],
    ['a name that climbs', 'path traversal in tar', { name: 'a/../../etc/passwd' }],
    ['an absolute name that climbs', 'path traversal in tar', { name: '/../etc/passwd' }],
    [
      'a hard link that climbs',
      'path traversal in tar',
      { name: 'a', type: '1', linkName: '../../etc/shadow' },
    ],
    ['a hard link to nothing', 'hardlink target not found', { name: 'a', type: '1', linkName: 'b' }],
    ['a hard link to itself', 'hardlink target not found', { name: 'a', type: '1', linkName: 'a' }],
    ['a whiteout of the root', 'invalid whiteout in tar', { name: '.wh..' }],
    ['a whiteout of the parent', 'invalid whiteout in tar', { name: 'a/.wh...' }],
    [
      'a body of a hole',
      'file too large',
      Buffer.concat([paxEntry({ 'GNU.sparse.map': '0,0', 'GNU.sparse.size': `${TiB}` })]),
    ],
  ])('%s', async (_name, message, entry) => {
    const reading = read([tarArchive(entry, { name: 'x' })]);
    await expect(reading).rejects.toThrow(ImageError);
    await expect(reading).rejects.toThrow(message);
  });

  it('only ever make a tree: links that leave it are names like any other', async () => {
    const { root } = await read([
      tarArchive(
        { name: '/etc/passwd', body: 'x' },
        { name: 'up', type: '2', linkName: '../../../../etc/shadow' },
        { name: 'abs', type: '2', linkName: '/etc/shadow' },
      ),
    ]);
    expect([...root.children.keys()].sort()).toEqual(['abs', 'etc', 'up']);
  });

  it('cannot write through their own links', async () => {
    const through = tarArchive({ name: 'up', type: '2', linkName: '/etc' }, { name: 'up/passwd', body: 'x' });
    await expect(read([through])).rejects.toThrow('not a directory: "up"');
  });
});

function repeat(entry: Buffer): Buffer {
  return Buffer.concat(Array.from({ length: 1000 }, () => entry));
}

/** A thousand members of the same names. */
function manyMembers(): Buffer {
  return Buffer.concat(Array.from({ length: 1000 }, (_, i) => tarEntry({ name: `f${i}` })));
}

/** Each member makes more than a hundred directories. */
function* deepPaths(): Generator<Uint8Array> {
  for (let i = 0; ; i++) {
    const path = Array.from({ length: 120 }, (_, depth) => `${depth === 0 ? i : ''}d`).join('/');
    yield Buffer.concat([paxEntry({ path }), tarEntry({ name: 'x' })]);
  }
}

function* longLinks(): Generator<Uint8Array> {
  const linkpath = paxEntry({ linkpath: 't'.repeat(4095) });
  for (let i = 0; ; i++) yield Buffer.concat([linkpath, tarEntry({ name: `${i}`, type: '2' })]);
}

function* attributes(): Generator<Uint8Array> {
  const body = paxRecord('SCHILY.xattr.user.a', 'v'.repeat(60_000));
  const pax = tarEntry({ name: 'pax', type: 'x', body });
  for (let i = 0; ; i++) yield Buffer.concat([pax, tarEntry({ name: `${i}` })]);
}
