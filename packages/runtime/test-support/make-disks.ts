import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const APPLETS = [
  'sh',
  'od',
  'tr',
  'date',
  'grep',
  'hostname',
  'cat',
  'echo',
  'sleep',
  'uname',
  'sync',
  'head',
  'dd',
  'ls',
  'kill',
  'true',
  'reboot',
];

/** Root and upper disk of a sandbox that holds nothing but busybox, made by the file systems' own tools. */
export async function makeDisks(folder: string): Promise<{ readonly root: string; readonly upper: string }> {
  const tree = await mkdtemp(join(tmpdir(), 'msb-tree-'));
  try {
    for (const name of [
      'bin',
      'dev',
      'etc',
      'proc',
      'sys',
      'tmp',
      'run',
      'root',
      'upper/upper',
      'upper/work',
    ]) {
      await mkdir(join(tree, name), { recursive: true });
    }
    await copyFile('/usr/bin/busybox', join(tree, 'bin/busybox'));
    for (const applet of APPLETS) await symlink('busybox', join(tree, 'bin', applet));
    await writeFile(join(tree, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
    const upper = join(folder, 'upper.ext4');
    await writeFile(upper, '');
    await truncate(upper, 64 * 1024 * 1024);
    await run('/usr/sbin/mkfs.ext4', ['-q', '-F', '-d', join(tree, 'upper'), upper]);
    await rm(join(tree, 'upper'), { recursive: true });
    const root = join(folder, 'root.erofs');
    await run('/usr/bin/mkfs.erofs', ['--quiet', root, tree]);
    return { root, upper };
  } finally {
    await rm(tree, { recursive: true });
  }
}
