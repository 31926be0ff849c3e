import { chmod, copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from './find-program.ts';
import { mustRun } from './run-command.ts';
import { tarFolder } from './tar-folder.ts';

/**
 * A root file system of the host's statically linked busybox with all its applets, as one layer.
 *
 * @throws Error when no busybox is installed (Debian: package busybox-static)
 */
export async function busyboxLayer(): Promise<Buffer> {
  const busybox = await findProgram('busybox');
  if (!busybox) throw new Error('busybox not found; install busybox-static');
  const root = await mkdtemp(join(tmpdir(), 'msb-busybox-'));
  try {
    for (const folder of ['bin', 'dev', 'etc', 'proc', 'root', 'sys', 'tmp', 'var']) {
      await mkdir(join(root, folder));
    }
    await chmod(join(root, 'tmp'), 0o1777);
    await copyFile(busybox, join(root, 'bin/busybox'));
    await chmod(join(root, 'bin/busybox'), 0o755);
    const applets = (await mustRun(busybox, ['--list'])).stdout.toString().split('\n').filter(Boolean);
    for (const applet of applets.filter((name) => name !== 'busybox')) {
      await symlink('busybox', join(root, 'bin', applet));
    }
    await writeFile(
      join(root, 'etc/passwd'),
      'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/tmp:/bin/sh\n',
    );
    await writeFile(join(root, 'etc/group'), 'root:x:0:\nuser:x:1000:\n');
    return await tarFolder(root);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
