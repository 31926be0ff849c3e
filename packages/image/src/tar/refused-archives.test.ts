import { ImageError } from '@microsandbox/types';
import { describe, expect, it } from 'vitest';
import { dumpTar } from '../../test/read-tar.ts';
import { gnuLong, paxEntry, type TarEntry, tarArchive, tarEntry } from '../../test/tar-builder.ts';

const read = (...parts: readonly (TarEntry | Uint8Array)[]): Promise<string[]> =>
  dumpTar([tarArchive(...parts)]);

describe('limits', () => {
  const limited = (
    limits: Parameters<typeof dumpTar>[1],
    ...parts: (TarEntry | Uint8Array)[]
  ): Promise<string[]> => dumpTar([tarArchive(...parts)], limits);

  it.each<[string, Parameters<typeof dumpTar>[1], (TarEntry | Uint8Array)[]]>([
    ['file too large: "a"', { fileBytes: 4 }, [{ name: 'a', body: 'hello' }]],
    [
      'total extracted size exceeded',
      { totalFileBytes: 9 },
      [
        { name: 'a', body: 'hello' },
        { name: 'b', body: 'hello' },
      ],
    ],
    ['entry count exceeded', { entries: 2 }, [{ name: 'a' }, { name: 'b' }, { name: 'c' }]],
    ['entry count exceeded', { entries: 2 }, [{ name: 'a/b/c' }]],
    ['path too long: "abcd"', { pathBytes: 3 }, [{ name: 'abcd' }]],
    ['path too deep: "a/b/c"', { pathComponents: 2 }, [{ name: 'a/b/c' }]],
    ['symlink target too long: "a"', { symlinkTargetBytes: 2 }, [{ name: 'a', type: '2', linkName: 'xyz' }]],
    ['extension header too large', { extensionBytes: 9 }, [paxEntry({ path: 'abcdefgh' }), { name: 'x' }]],
    ['total metadata size exceeded', { metadataBytes: 9 }, [{ name: 'aaaaa' }, { name: 'bbbbb' }]],
    ['archive too large', { streamBytes: 1000 }, [{ name: 'a' }]],
  ])('refuses: %s', async (message, limits, parts) => {
    await expect(limited(limits, ...parts)).rejects.toThrow(new ImageError(message));
  });

  it('refuses a declared size beyond them before reading a byte of it', async () => {
    await expect(read({ name: 'a', size: 10n * 1024n ** 4n })).rejects.toThrow('file too large: "a"');
    await expect(read({ name: 'a', size: 2n ** 90n + 1n })).rejects.toThrow(ImageError);
    await expect(read({ name: 'a', size: -1n })).rejects.toThrow('file too large: "a"');
    await expect(read(paxEntry({ size: '6000000000' }), { name: 'a' })).rejects.toThrow(
      'file too large: "a"',
    );
    await expect(read({ name: 'x', type: 'x', size: 2 ** 31 })).rejects.toThrow('extension header too large');
    await expect(read({ name: 'x', type: 'L', size: 2 ** 31 })).rejects.toThrow('extension header too large');
  });

  it('allows the deepest tree', async () => {
    const deep = Array.from({ length: 128 }, (_, i) => `d${i}`).join('/');
    expect(await read(paxEntry({ path: deep }), { name: 'x' })).toHaveLength(129);
    await expect(read(paxEntry({ path: `${deep}/x` }), { name: 'x' })).rejects.toThrow(
      'path too deep: "d0/d1/',
    );
  });
});

describe('broken archives', () => {
  it.each<[string, string, () => Uint8Array]>([
    [
      'wrong checksum',
      'archive header checksum mismatch',
      () => tarArchive({ name: 'a', corrupt: (r) => r.fill('b', 0, 1) }),
    ],
    [
      'no checksum',
      'archive header checksum mismatch',
      () => tarArchive({ name: 'a', corrupt: (r) => r.fill(0, 148, 156) }),
    ],
    ['noise', 'archive header checksum mismatch', () => Buffer.alloc(512, 'x')],
    ['cut header', 'failed to read entire block', () => tarArchive({ name: 'a' }).subarray(0, 100)],
    ['cut body', 'unexpected EOF', () => tarArchive({ name: 'a', body: 'x'.repeat(600) }).subarray(0, 1000)],
    [
      'cut skipped body',
      'unexpected EOF',
      () => tarArchive({ name: 'a', type: 'Z', body: 'x'.repeat(600) }).subarray(0, 1000),
    ],
    ['cut extension', 'unexpected EOF', () => tarArchive(paxEntry({ path: 'a' })).subarray(0, 515)],
    [
      'extension without member',
      'extension entry was not followed by a member',
      () => tarArchive(paxEntry({ path: 'a' })),
    ],
    [
      'extension without member or end',
      'extension entry was not followed by a member',
      () => paxEntry({ path: 'a' }),
    ],
    [
      'two PAX headers',
      'two pax',
      () => tarArchive(paxEntry({ path: 'a' }), paxEntry({ path: 'b' }), { name: 'x' }),
    ],
    [
      'two long names',
      'two long name',
      () => tarArchive(gnuLong('L', 'a'), gnuLong('L', 'b'), { name: 'x' }),
    ],
    [
      'two long links',
      'two long name',
      () => tarArchive(gnuLong('K', 'a'), gnuLong('K', 'b'), { name: 'x' }),
    ],
    [
      'both long names',
      'ambiguous path: pax',
      () => tarArchive(paxEntry({ path: 'a' }), gnuLong('L', 'b'), { name: 'x' }),
    ],
    [
      'both long links',
      'ambiguous path: pax',
      () => tarArchive(paxEntry({ linkpath: 'a' }), gnuLong('K', 'b'), { name: 'x' }),
    ],
    [
      'PAX size that is no number',
      'failed to parse pax size',
      () => tarArchive(paxEntry({ size: '1e3' }), { name: 'x' }),
    ],
    [
      'PAX records that are none',
      'malformed pax',
      () => tarArchive({ name: 'p', type: 'x', body: 'hello' }, { name: 'x' }),
    ],
    ['NUL in a PAX path', 'NUL byte in path', () => tarArchive(paxEntry({ path: 'a\0b' }), { name: 'x' })],
    [
      'NUL in a PAX link',
      'NUL byte in symlink target',
      () => tarArchive(paxEntry({ linkpath: 'a\0b' }), { name: 'x', type: '2' }),
    ],
  ])('%s', async (_name, message, archive) => {
    const reading = dumpTar([archive()]);
    await expect(reading).rejects.toThrow(ImageError);
    await expect(reading).rejects.toThrow(message);
  });

  it('keeps terminal controls and the length of names out of messages', async () => {
    await expect(read({ name: '../\x1b[2J"\xc2\x9b' })).rejects.toThrow(
      new ImageError('path traversal in tar: "../\\u001b[2J\\"\\u009b"'),
    );
    await expect(read(paxEntry({ path: `../${'x'.repeat(4000)}` }), { name: 'x' })).rejects.toThrow(
      new ImageError(`path traversal in tar: "../${'x'.repeat(197)}…"`),
    );
  });

  it('stops when asked to', async () => {
    const { readLayerTar } = await import('./read-layer-tar.ts');
    const abort = new AbortController();
    async function* chunks(): AsyncGenerator<Uint8Array> {
      yield tarEntry({ name: 'a' });
      abort.abort();
      yield tarEntry({ name: 'b' });
    }
    await expect(
      readLayerTar(chunks(), { spoolPath: '/nonexistent/spool', signal: abort.signal }),
    ).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
  });

  it('passes on what is wrong with the source and with the spool file', async () => {
    const { readLayerTar } = await import('./read-layer-tar.ts');
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield tarEntry({ name: 'a' });
      throw new Error('connection reset');
    }
    await expect(readLayerTar(failing(), { spoolPath: '/nonexistent/spool' })).rejects.toThrow(
      'connection reset',
    );
    async function* large(): AsyncGenerator<Uint8Array> {
      yield tarEntry({ name: 'a', body: Buffer.alloc(100_000) });
    }
    await expect(readLayerTar(large(), { spoolPath: '/nonexistent/spool' })).rejects.toThrow(
      /^cannot write \/nonexistent\/spool: ENOENT/,
    );
  });
});
