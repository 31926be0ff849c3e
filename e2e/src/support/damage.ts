import { chmod, copyFile, mkdir, mkdtemp, open, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram, mustRun } from '@microsandbox/test-utils';

/** Overwrites a part of a file with bytes that mean nothing to anybody. */
export async function overwrite(path: string, offset: number, length: number): Promise<void> {
  await using file = await open(path, 'r+');
  await file.write(Buffer.alloc(length, 0xcc), 0, length, offset);
}

/** Does something to a file while it is damaged, and puts it right again whatever happens. */
export async function whileDamaged(
  path: string,
  damage: (path: string) => Promise<unknown>,
  use: () => Promise<void>,
): Promise<void> {
  const kept = `${path}.kept`;
  // By cp(1), which leaves out what a disk does not hold: a whole one would take half a minute.
  const copy = (from: string, to: string) => mustRun('cp', ['--archive', '--sparse=always', from, to]);
  await copy(path, kept);
  try {
    await damage(path);
    await use();
  } finally {
    await copy(kept, path);
    await rm(kept, { force: true });
  }
}

/** The one file of a folder of the cache with that ending. */
export async function onlyFile(folder: string, ending: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(ending));
  if (names.length !== 1) throw new Error(`expected one ${ending} in ${folder}, got ${names.join(', ')}`);
  return join(folder, names[0] as string);
}

/** An initramfs whose `/init` is this shell script, run by busybox. */
export async function scriptInitramfs(path: string, script: string): Promise<void> {
  const busybox = (await findProgram('busybox')) as string;
  const root = await mkdtemp(join(tmpdir(), 'msb-initramfs-'));
  try {
    for (const folder of ['bin', 'dev', 'proc', 'sys']) await mkdir(join(root, folder));
    await copyFile(busybox, join(root, 'bin/busybox'));
    await writeFile(join(root, 'init'), `#!/bin/busybox sh\n${script}\n`);
    for (const program of ['init', 'bin/busybox']) await chmod(join(root, program), 0o755);
    const names = ['.', ...(await readdir(root, { recursive: true }))];
    const { stdout } = await mustRun(busybox, ['cpio', '-o', '-H', 'newc'], {
      cwd: root,
      input: `${names.join('\n')}\n`,
    });
    await writeFile(path, stdout);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** Whether a file's users other than its owner and group may read and write it. */
export async function isOpenToOthers(path: string): Promise<boolean> {
  return ((await stat(path)).mode & 0o006) !== 0;
}
