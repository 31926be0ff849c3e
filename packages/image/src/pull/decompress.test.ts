import { gzipSync, zstdCompressSync } from 'node:zlib';
import { ImageError } from '@microsandbox/types';
import { describe, expect, it } from 'vitest';
import type { Compression } from './compression.ts';
import { decompress } from './decompress.ts';

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer, void, void> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function unpack(bytes: Buffer, compression: Compression, size: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of decompress(pieces(bytes, size), compression)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

const first = Buffer.from('first '.repeat(50_000));
const second = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i * 31) & 0xff));
const skippable = Buffer.from('592a4d1805000000aabbccddee', 'hex');
const emptySkippable = Buffer.from('502a4d1800000000', 'hex');
const zstd = (bytes: Buffer): Buffer => zstdCompressSync(bytes);

describe('decompress', () => {
  const both = Buffer.concat([first, second]);
  const inputs: [string, Compression, Buffer, Buffer][] = [
    ['plain', 'none', both, both],
    ['one gzip member', 'gzip', gzipSync(both), both],
    ['several gzip members', 'gzip', Buffer.concat([gzipSync(first), gzipSync(second)]), both],
    ['gzip with zeros behind', 'gzip', Buffer.concat([gzipSync(first), Buffer.alloc(100)]), first],
    ['one zstd frame', 'zstd', zstd(both), both],
    ['several zstd frames', 'zstd', Buffer.concat([zstd(first), zstd(Buffer.alloc(0)), zstd(second)]), both],
    [
      'zstd with skippable frames',
      'zstd',
      Buffer.concat([skippable, zstd(first), emptySkippable, skippable, zstd(second), skippable]),
      both,
    ],
    ['an empty zstd frame', 'zstd', zstd(Buffer.alloc(0)), Buffer.alloc(0)],
  ];

  it.each(inputs)('unpacks %s, however it is cut', async (_name, compression, packed, expected) => {
    for (const size of [packed.length + 1, 65_536, 4099, 1009]) {
      expect((await unpack(packed, compression, size)).equals(expected)).toBe(true);
    }
  });

  it('unpacks small streams cut at every byte', async () => {
    const small = Buffer.from('small');
    const packed = Buffer.concat([zstd(small), skippable, zstd(small)]);
    expect((await unpack(packed, 'zstd', 1)).toString()).toBe('smallsmall');
    expect((await unpack(gzipSync(small), 'gzip', 1)).toString()).toBe('small');
  });

  it.each([
    ['gzip', gzipSync(first)],
    ['zstd', zstd(first)],
  ] as const)('says that %s ends early', async (compression, packed) => {
    for (const cut of [1, 5, packed.length - 1]) {
      await expect(unpack(packed.subarray(0, cut), compression, 4096)).rejects.toThrow(/unexpected end/);
    }
  });

  it.each([
    ['gzip', Buffer.concat([gzipSync(first), Buffer.from('garbage')])],
    ['gzip', Buffer.from('no gzip at all')],
    ['gzip', Buffer.alloc(0)],
    ['zstd', Buffer.concat([zstd(first), Buffer.from('garbage')])],
    ['zstd', Buffer.from('no zstd at all')],
  ] as const)('refuses broken %s', async (compression, packed) => {
    await expect(unpack(packed, compression, 4096)).rejects.toBeInstanceOf(ImageError);
  });

  it('never hangs on damaged data', async () => {
    for (const [compression, packed] of [
      ['gzip', gzipSync(second.subarray(0, 5000))],
      ['zstd', zstd(second.subarray(0, 5000))],
    ] as const) {
      for (let at = 0; at < packed.length; at += 37) {
        const damaged = Buffer.from(packed);
        damaged[at] = (damaged[at] as number) ^ 0x5a;
        await unpack(damaged, compression, 512).catch((error: unknown) => {
          expect(error).toBeInstanceOf(ImageError);
        });
      }
    }
  });

  it('passes errors of the source on', async () => {
    async function* failing(): AsyncGenerator<Buffer, void, void> {
      yield gzipSync(first).subarray(0, 100);
      throw new RangeError('source');
    }
    const read = async (): Promise<void> => {
      for await (const _ of decompress(failing(), 'gzip'));
    };
    await expect(read()).rejects.toThrow('source');
  });

  it('takes no more from its source than a slow reader needs, and leaves it open', async () => {
    const packed = gzipSync(Buffer.alloc(200 * 1024 * 1024));
    const source = pieces(packed, 1024);
    let seen = 0;
    for await (const chunk of decompress(source, 'gzip')) {
      seen += chunk.length;
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (seen > 2 * 1024 * 1024) break;
    }
    let left = 0;
    for await (const piece of source) left += piece.length;
    expect(left).toBeGreaterThan(packed.length / 2);
  });
});
