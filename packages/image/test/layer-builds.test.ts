import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { SeededRandom } from '@microsandbox/test-utils';
import { ImageError } from '@microsandbox/types';
import { afterAll, describe, expect, it } from 'vitest';
import type { Compression } from '../src/pull/compression.ts';
import { DEFAULT_LAYER_LIMITS, type LayerLimits } from '../src/tar/layer-limits.ts';
import { type LayerWay, layerWays, noNativeWay } from './layer-builds.ts';
import { tarArchive } from './tar-builder.ts';

const dir = await mkdtemp(join(tmpdir(), 'msb-layer-builds-'));
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

describe.skipIf(noNativeWay !== null)(`native and JavaScript layers${noNativeWay ?? ''}`, () => {
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

  it('refuse a bomb before it is unpacked', async () => {
    const bomb = gzipSync(tarArchive({ name: 'a', body: Buffer.alloc(64 * 1024 * 1024) }));
    for (const way of layerWays) {
      const build = begin(way, 'gzip', { fileBytes: 1024 * 1024 });
      await expect(build.read(cut(bomb, 1000))).rejects.toThrow('file too large: "a"');
    }
  });

  it('pass errors of their source on', async () => {
    async function* failing(): AsyncGenerator<Buffer, void, void> {
      yield gzipSync(archive).subarray(0, 70_000);
      throw new RangeError('source');
    }
    for (const way of layerWays) {
      await expect(begin(way, 'gzip').read(failing())).rejects.toThrow('source');
    }
  });

  it.each<[string, LayerPaths]>([
    ['spool file', { spoolPath: join(dir, 'nowhere', 'spool') }],
    ['image', { imagePath: join(dir, 'nowhere', 'image') }],
  ])('say which file cannot be written: the %s', async (_name, paths) => {
    const [javascript, native] = await outcomes('none', archive, archive.length, paths);
    expect(javascript).toMatchObject({
      message: expect.stringMatching(/^cannot write .*: ENOENT: no such file/),
    });
    expect(native).toMatchObject({
      message: expect.stringMatching(/^cannot write .*: ENOENT: no such file/),
    });
  });

  it('end with the signal', async () => {
    for (const way of layerWays) {
      const abort = new AbortController();
      const build = begin(way, 'none', {}, abort.signal);
      await build.read(cut(archive, 65_536));
      abort.abort();
      await expect(build.write(join(dir, 'aborted'))).rejects.toMatchObject({ name: 'AbortError' });
      await expect(begin(way, 'none', {}, abort.signal).read(cut(archive, 9))).rejects.toMatchObject({
        name: 'AbortError',
      });
    }
  });
});

interface LayerPaths {
  readonly spoolPath?: string;
  readonly imagePath?: string;
}

function begin(
  way: LayerWay,
  compression: Compression,
  limits: Partial<LayerLimits> = {},
  signal?: AbortSignal,
  spoolPath = join(dir, `${way.name}.spool`),
) {
  return way.begin({ compression, spoolPath, limits: { ...DEFAULT_LAYER_LIMITS, ...limits }, signal });
}

function outcomes(
  compression: Compression,
  bytes: Buffer,
  size: number,
  paths: LayerPaths = {},
): Promise<unknown[]> {
  return Promise.all(layerWays.map((way) => outcome(way, compression, bytes, size, paths)));
}

async function outcome(
  way: LayerWay,
  compression: Compression,
  bytes: Buffer,
  size: number,
  { spoolPath, imagePath = join(dir, way.name) }: LayerPaths,
) {
  const build = begin(way, compression, { memoryBytes: 0 }, undefined, spoolPath);
  try {
    const digest = await build.read(cut(bytes, size));
    await build.write(imagePath);
    const image = createHash('sha256')
      .update(await readFile(imagePath))
      .digest('hex');
    return { digest, image };
  } catch (error) {
    expect(error).toBeInstanceOf(ImageError);
    return { message: (error as Error).message };
  }
}

async function* cut(bytes: Buffer, size: number): AsyncGenerator<Buffer, void, void> {
  for (let at = 0; at < bytes.length; at += size) yield Buffer.from(bytes.subarray(at, at + size));
}
