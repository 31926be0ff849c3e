import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { lockDisks } from './lock-disks.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'msb-disks-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function disk(name: string): Promise<string> {
  await mkdir(join(folder, 'volumes', name), { recursive: true });
  const path = join(folder, 'volumes', name, 'disk.raw');
  await writeFile(path, '');
  return path;
}

it('many may read a disk, and one may write it', async () => {
  const path = await disk('db');
  const readers = [
    await lockDisks({ disks: [`a:${path}:raw:ro`] }),
    await lockDisks({ disks: [`b:${path}:raw:ro`] }),
  ];
  await expect(lockDisks({ disks: [`c:${path}:raw`] })).rejects.toThrow(
    'mount: volume "db" is already attached with an incompatible disk mode',
  );
  for (const lock of readers.flat()) await lock.release();
  const [writer] = await lockDisks({ disks: [`c:${path}:raw`] });
  // Under another name it is the same disk.
  await symlink(path, join(folder, 'link'));
  await expect(lockDisks({ disks: [`a:${join(folder, 'link')}:raw:ro`] })).rejects.toThrow(
    `mount: disk image "${join(folder, 'link')}" is already attached`,
  );
  await writer?.release();
});

it('what was taken is given back when another one is not to be had', async () => {
  const [first, second] = [await disk('one'), await disk('two')];
  const [taken] = await lockDisks({ disks: [`x:${second}:raw`] });
  const wish = { disks: [`a:${first}:raw`, `b:${second}:raw`] };
  await expect(lockDisks(wish)).rejects.toThrow('volume "two"');
  await taken?.release();
  for (const lock of await lockDisks(wish)) await lock.release();
});

it('makes no disk where there is none', async () => {
  await expect(lockDisks({ disks: [`a:${join(folder, 'none')}:raw`] })).rejects.toThrow('ENOENT');
});
