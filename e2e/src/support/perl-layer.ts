import { copyFile, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { mustRun, tarFolder } from '@microsandbox/test-utils';

const PERL = '/usr/bin/perl';

/**
 * The host's perl with the libraries it needs and no modules, for guests that must make system calls of their own;
 * and an empty `/etc/machine-id`, as images of distributions have it.
 */
export async function perlLayer(): Promise<Buffer> {
  const root = await mkdtemp(join(tmpdir(), 'msb-perl-'));
  try {
    const linked = (await mustRun('ldd', [PERL])).stdout.toString();
    const libraries = [...linked.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path as string);
    for (const path of [PERL, ...libraries]) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await copyFile(await realpath(path), join(root, path));
    }
    await mkdir(join(root, 'etc'));
    await writeFile(join(root, 'etc/machine-id'), '');
    return await tarFolder(root);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
