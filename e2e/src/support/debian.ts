import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildTestImage, mustRun, type TestImage, tarFolder } from '@microsandbox/test-utils';

/**
 * A real Debian root file system in three layers: the distribution, a layer that adds and replaces, and one that
 * whites a file out.
 */
export async function debianImage(): Promise<TestImage> {
  const folder = await mkdtemp(join(tmpdir(), 'msb-debian-'));
  try {
    const base = join(folder, 'base.tar');
    await mustRun('mmdebstrap', ['--variant=essential', '--mode=root', 'bookworm', base], {
      timeoutMs: 280_000,
    });
    const { stdout } = await mustRun('cat', [base]);
    const added = join(folder, 'added');
    await mkdir(join(added, 'etc'), { recursive: true });
    await mkdir(join(added, 'srv'), { recursive: true });
    await writeFile(join(added, 'etc/motd'), 'second layer\n');
    await writeFile(join(added, 'srv/removed'), 'x');
    await writeFile(join(added, 'srv/kept'), 'kept\n');
    const removed = join(folder, 'removed');
    await mkdir(join(removed, 'srv'), { recursive: true });
    await writeFile(join(removed, 'srv/.wh.removed'), '');
    return buildTestImage({
      layers: [stdout, await tarFolder(added), await tarFolder(removed)],
      config: { Cmd: ['bash'], Env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'] },
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
