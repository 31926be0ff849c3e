import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ImageError } from '@microsandbox/types';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dumpTar } from '../../../test/read-tar.ts';
import { paxEntry, type TarEntry, tarArchive, tarEntry, writeChecksum } from '../../../test/tar-builder.ts';

const run = promisify(execFile);

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'msb-sparse-'));
});
afterEach(() => rm(dir, { recursive: true }));

/** Writes pieces of text at offsets of a file, and holes between them. */
async function sparseFile(
  name: string,
  size: number,
  pieces: Readonly<Record<number, string>>,
): Promise<void> {
  const handle = await open(join(dir, name), 'w');
  for (const [offset, text] of Object.entries(pieces)) await handle.write(text, Number(offset));
  await handle.truncate(size);
  await handle.close();
}

describe('sparse files packed by GNU tar', () => {
  const many = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [i * 65_536, `piece ${i}`]));
  const files = [
    ['hole-at-end', 1_000_000, { 0: 'start' }],
    ['hole-at-start', 1_000_005, { 1000000: '12345' }],
    ['only-hole', 3_000_000, {}],
    ['many-pieces', 4_000_000, many],
    ['small', 20_000, { 12288: 'x' }],
  ] as const;

  it.each([
    ['gnu', []],
    ['posix', ['--sparse-version=1.0']],
    ['posix', ['--sparse-version=0.1']],
  ])('come out whole: --format=%s %j', async (format, args) => {
    for (const [name, size, pieces] of files) await sparseFile(name, size, pieces);
    const names = files.map(([name]) => name);
    const archive = join(dir, 'tar');
    await run('tar', ['--sparse', `--format=${format}`, ...args, '-cf', archive, '-C', dir, ...names]);
    const bytes = await readFile(archive);
    // The archive has to be a sparse one, or nothing is tested.
    expect(bytes.length).toBeLessThan(600_000);
    const pieces = [bytes.subarray(0, 700), bytes.subarray(700, 1500), bytes.subarray(1500)];
    const lines = await dumpTar(pieces);
    for (const [name, size] of files) {
      const hash = createHash('sha256')
        .update(await readFile(join(dir, name)))
        .digest('hex');
      expect(lines.find((line) => line.startsWith(`/${name} `))).toMatch(new RegExp(` ${size} ${hash}$`));
    }
  });

  it('are refused in the format that repeats records', async () => {
    await sparseFile('a', 1_000_000, { 500000: 'x' });
    const archive = join(dir, 'tar');
    await run('tar', ['--sparse', '--format=posix', '--sparse-version=0.0', '-cf', archive, '-C', dir, 'a']);
    await expect(dumpTar([await readFile(archive)])).rejects.toThrow(
      'unsupported sparse format in tar: GNU.sparse 0.0',
    );
  });
});

describe('sparse maps that lie', () => {
  /** An old GNU member whose header says `map` and `realSize`. */
  const gnu = (
    map: readonly (readonly [number, number])[],
    realSize: number,
    entry: Partial<TarEntry> = {},
  ): Buffer =>
    tarEntry({
      name: 'f',
      type: 'S',
      magic: 'gnu',
      body: 'x'.repeat(600),
      ...entry,
      corrupt: (record) => {
        map.forEach(([offset, length], i) => {
          record.write(`${octal(offset)}\0${octal(length)}\0`, 386 + i * 24, 'latin1');
        });
        record.write(`${octal(realSize)}\0`, 483, 'latin1');
        entry.corrupt?.(record);
        writeChecksum(record);
      },
    });
  const octal = (value: number): string => value.toString(8).padStart(11, '0');
  const pax = (records: Record<string, string>, body: string): Buffer =>
    Buffer.concat([paxEntry(records), tarEntry({ name: 'f', body })]);
  const mapRecord = (...lines: number[]): string =>
    lines
      .map((n) => `${n}\n`)
      .join('')
      .padEnd(512, '\0');
  const v1 = { 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '1000' };

  it('are told from true ones', async () => {
    expect(
      (
        await dumpTar([
          tarArchive(
            gnu(
              [
                [100, 500],
                [900, 100],
              ],
              1000,
            ),
          ),
        ])
      )[1],
    ).toContain(' 1000 ');
    expect((await dumpTar([tarArchive(gnu([[100, 600]], 700))]))[1]).toContain(' 700 ');
    expect((await dumpTar([tarArchive(pax(v1, `${mapRecord(1, 10, 3)}abc`))]))[1]).toContain(' 1000 ');
  });

  it.each<[string, () => Buffer]>([
    [
      'stretches that overlap',
      () =>
        gnu(
          [
            [0, 300],
            [200, 300],
          ],
          1000,
        ),
    ],
    [
      'stretches in the wrong order',
      () =>
        gnu(
          [
            [500, 300],
            [0, 300],
          ],
          1000,
        ),
    ],
    ['a stretch beyond the end', () => gnu([[800, 600]], 1000)],
    ['less than what is stored', () => gnu([[0, 500]], 1000)],
    ['more than what is stored', () => gnu([[0, 700]], 1000)],
    ['no map at all', () => gnu([], 1000)],
    ['no number', () => gnu([], 1000, { corrupt: (record) => record.write('zzz', 386) })],
    ['a 1.0 map that is cut off', () => pax(v1, '3\n0\n')],
    ['a 1.0 map in an empty body', () => pax(v1, '')],
    ['a 1.0 map without numbers', () => pax(v1, '\n\n\n'.padEnd(512, '\0'))],
    ['a 1.0 map of huge numbers', () => pax(v1, '9'.repeat(600))],
    ['a 1.0 map of too many stretches', () => pax(v1, mapRecord(1_000_000))],
    ['a 1.0 map that says too much', () => pax(v1, `${mapRecord(1, 10, 4)}abc`)],
    ['a 1.0 file without size', () => pax({ 'GNU.sparse.major': '1' }, `${mapRecord(0)}`)],
    ['a 0.1 map of odd length', () => pax({ 'GNU.sparse.map': '0,1,2', 'GNU.sparse.size': '9' }, 'a')],
    ['a 0.1 map of no numbers', () => pax({ 'GNU.sparse.map': '0,-1', 'GNU.sparse.size': '9' }, 'a')],
    ['a 0.1 file without size', () => pax({ 'GNU.sparse.map': '0,1' }, 'a')],
    ['an unknown version', () => pax({ ...v1, 'GNU.sparse.major': '2' }, 'a')],
    [
      'a map that never ends',
      () => {
        const further = Buffer.alloc(512);
        for (let i = 0; i < 21; i++) further.write(`${octal(0)}\0${octal(0)}\0`, i * 24, 'latin1');
        further[504] = 1;
        const header = gnu([[0, 0]], 1000, { body: '', corrupt: (record) => record.fill(1, 482, 483) });
        return Buffer.concat([header, ...Array.from({ length: 4000 }, () => further)]);
      },
    ],
    [
      'a map that is cut off',
      () => gnu([[0, 0]], 9, { body: '', corrupt: (record) => record.fill(1, 482, 483) }),
    ],
  ])('%s', async (_name, archive) => {
    await expect(dumpTar([archive()])).rejects.toThrow(ImageError);
  });

  it('do not get around the limits', async () => {
    await expect(dumpTar([gnu([[0, 600]], 8_000_000_000)])).rejects.toThrow('file too large: "f"');
    const limits = { totalFileBytes: 1500 };
    const twice = tarArchive(gnu([[100, 600]], 1000), gnu([[100, 600]], 1000));
    await expect(dumpTar([twice], limits)).rejects.toThrow('total extracted size exceeded');
  });

  it('cost no memory for their holes', async () => {
    const before = process.memoryUsage().arrayBuffers;
    const map = Array.from({ length: 1000 }, (_, i) => `${i * 5_000_000},1`).join(',');
    const records = { 'GNU.sparse.map': map, 'GNU.sparse.size': '5000000000' };
    const body = 'y'.repeat(1000);
    const { readLayerTar } = await import('../read-layer-tar.ts');
    async function* chunks(): AsyncGenerator<Uint8Array> {
      yield pax(records, body);
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024);
    }
    const tree = await readLayerTar(chunks(), { spoolPath: join(dir, 'spool') });
    expect(tree.root.children.get('f')).toMatchObject({ size: 5_000_000_000 });
  });
});
