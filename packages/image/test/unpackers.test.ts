import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { SeededRandom } from '@microsandbox/test-utils';
import { ImageError } from '@microsandbox/types';
import { afterAll, describe, expect, it } from 'vitest';
import type { Compression } from '../src/pull/compression.ts';
import { readLayerTar } from '../src/tar/read-layer-tar.ts';
import { dumpTree } from './dump-tree.ts';
import { tarArchive } from './tar-builder.ts';
import { noNativeUnpacker, type Unpacker, unpackers } from './unpackers.ts';

const dir = await mkdtemp(join(tmpdir(), 'msb-unpackers-'));
afterAll(() => rm(dir, { recursive: true }));

const random = new SeededRandom(1);
const archive = tarArchive(
  { name: 'small', body: random.bytes(700) },
  { name: 'zeros', body: Buffer.alloc(3 * 1024 * 1024) },
  { name: 'large', body: random.bytes(300_000) },
  { name: 'linked', type: '1', linkName: 'large' },
);
const half = Math.floor(archive.length / 2);
const halves = [archive.subarray(0, half), archive.subarray(half)] as const;
const skippable = Buffer.from('592a4d1805000000aabbccddee', 'hex');

const packed: [name: string, compression: Compression, bytes: Buffer][] = [
  ['plain', 'none', archive],
  ['one gzip member', 'gzip', gzipSync(archive)],
  ['several gzip members', 'gzip', Buffer.concat(halves.map((part) => gzipSync(part)))],
  ['gzip with zeros behind', 'gzip', Buffer.concat([gzipSync(archive), Buffer.alloc(100)])],
  ['one zstd frame', 'zstd', zstdCompressSync(archive)],
  [
    'several zstd frames',
    'zstd',
    Buffer.concat([skippable, ...halves.map((part) => zstdCompressSync(part)), skippable]),
  ],
  ['gzip with garbage behind', 'gzip', Buffer.concat([gzipSync(archive), Buffer.from('garbage')])],
  ['no gzip', 'gzip', archive],
  ['nothing as gzip', 'gzip', Buffer.alloc(0)],
  ['half of gzip', 'gzip', gzipSync(archive).subarray(0, 100_000)],
  ['no zstd', 'zstd', archive],
  ['zstd with garbage behind', 'zstd', Buffer.concat([zstdCompressSync(archive), Buffer.from('garbage')])],
  ['half of zstd', 'zstd', zstdCompressSync(archive).subarray(0, 100_000)],
];

describe.skipIf(noNativeUnpacker !== null)(`native and JavaScript unpackers${noNativeUnpacker ?? ''}`, () => {
  it.each(packed)('come to the same with %s, however it is cut', async (_name, compression, bytes) => {
    for (const size of [bytes.length + 1, 65_536, 4099]) {
      const [javascript, native] = await outcomes(compression, bytes, size);
      expect(native).toEqual(javascript);
    }
  });

  it('both read or refuse damaged data', async () => {
    for (const [, compression, bytes] of packed) {
      for (let round = 0; round < 8; round++) {
        const damaged = Buffer.from(bytes);
        if (damaged.length > 0) damaged[random.below(damaged.length)] = random.below(256);
        const [javascript, native] = await outcomes(compression, damaged, 65_536);
        expect(native).toEqual(javascript);
      }
    }
  });

  it('give back a bomb in pieces that can be refused', async () => {
    const bomb = gzipSync(tarArchive({ name: 'a', body: Buffer.alloc(64 * 1024 * 1024) }));
    for (const unpacker of unpackers) {
      const { pieces } = unpacker.unpack(cut(bomb, 1000), {
        compression: 'gzip',
        bodiesPath: join(dir, 'bomb'),
      });
      const limits = { fileBytes: 1024 * 1024 };
      const reading = readLayerTar(pieces, { spoolPath: join(dir, 'spool'), limits });
      await expect(reading).rejects.toThrow('file too large: "a"');
    }
  });

  it('pass errors of their source on', async () => {
    async function* failing(): AsyncGenerator<Buffer, void, void> {
      yield gzipSync(archive).subarray(0, 70_000);
      throw new RangeError('source');
    }
    for (const { unpack } of unpackers) {
      const { pieces } = unpack(failing(), { compression: 'gzip', bodiesPath: join(dir, 'failing') });
      await expect(readLayerTar(pieces, { spoolPath: join(dir, 'spool') })).rejects.toThrow('source');
    }
  });
});

function outcomes(compression: Compression, bytes: Buffer, size: number): Promise<unknown[]> {
  return Promise.all(unpackers.map((unpacker) => outcome(unpacker, compression, bytes, size)));
}

async function outcome(unpacker: Unpacker, compression: Compression, bytes: Buffer, size: number) {
  const base = join(dir, unpacker.name);
  const { pieces, digest } = unpacker.unpack(cut(bytes, size), { compression, bodiesPath: `${base}.bodies` });
  try {
    const tree = await readLayerTar(pieces, { spoolPath: `${base}.spool` });
    return { lines: await dumpTree(tree), digest: digest() };
  } catch (error) {
    expect(error).toBeInstanceOf(ImageError);
    return { message: (error as Error).message };
  }
}

async function* cut(bytes: Buffer, size: number): AsyncGenerator<Buffer, void, void> {
  for (let at = 0; at < bytes.length; at += size) yield Buffer.from(bytes.subarray(at, at + size));
}
