import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { stageArchive } from './stage-archive.ts';

async function* pieces(...list: readonly string[]): AsyncGenerator<Buffer> {
  for (const piece of list) yield Buffer.from(piece, 'latin1');
}

it.each<[string, readonly string[], string]>([
  ['less than a magic number', ['a', 'b'], 'ab'],
  ['packed bytes that come one by one', [...gzipSync('plain').toString('latin1')], 'plain'],
])('stages a stream of %s', async (_what, input, expected) => {
  const folder = await mkdtemp(join(tmpdir(), 'stage-'));
  try {
    {
      await using staged = await stageArchive(pieces(...input), folder, undefined);
      expect(await readFile(staged.path, 'utf8')).toBe(expected);
    }
    expect(await readdir(folder)).toEqual([]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

it.each([[[]], [['', '']]])('refuses an empty stream of pieces %j', async (input) => {
  const folder = await mkdtemp(join(tmpdir(), 'stage-'));
  try {
    await expect(stageArchive(pieces(...input), folder, undefined)).rejects.toMatchObject({
      code: 'image',
      message: 'standard input is no archive: it is empty',
    });
    expect(await readdir(folder)).toEqual([]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
