import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sparseCopy } from './sparse-copy.ts';
import { writeFileAtomic } from './write-file-atomic.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'msb-files-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('writeFileAtomic', () => {
  it('replaces the content, sets the mode and leaves no other file', async () => {
    const path = join(folder, 'state.json');
    await writeFile(path, 'old');
    await writeFileAtomic(path, 'new');
    expect(await readFile(path, 'utf8')).toBe('new');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['state.json']);
  });

  it('leaves nothing behind when the place cannot be replaced', async () => {
    await expect(writeFileAtomic(folder, 'x')).rejects.toThrow();
    await expect(writeFileAtomic(join(folder, 'missing', 'x'), 'x')).rejects.toThrow();
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('sparseCopy', () => {
  it('keeps content, length and holes', async () => {
    const source = join(folder, 'disk');
    await writeFile(
      source,
      Buffer.concat([Buffer.alloc(5000, 1), Buffer.alloc(3 << 20), Buffer.from('end')]),
    );
    await truncate(source, 64 << 20);
    const copy = join(folder, 'copy');
    await sparseCopy(source, copy);
    expect((await readFile(copy)).equals(await readFile(source))).toBe(true);
    const { blocks } = await stat(copy);
    expect(blocks * 512).toBeLessThan(1 << 20);
  });

  it('refuses an existing destination and an absent source, touching nothing', async () => {
    const source = join(folder, 'a');
    const other = join(folder, 'b');
    await writeFile(source, 'a');
    await writeFile(other, 'b');
    await expect(sparseCopy(source, other)).rejects.toMatchObject({ code: 'EEXIST' });
    expect(await readFile(other, 'utf8')).toBe('b');
    await expect(sparseCopy(join(folder, 'none'), join(folder, 'c'))).rejects.toMatchObject({
      code: 'ENOENT',
    });
    expect(await readdir(folder)).toEqual(['a', 'b']);
  });
});
