import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRun } from '@microsandbox/test-utils';
import { writeNpmRegistry } from './npm-registry.ts';
import { storedZip } from './stored-zip.ts';

/**
 * Puts below a folder that a host serves a repository `project.git`, in `simple` an index for pip with a package
 * `greeting`, and a registry for npm.
 */
export async function writeMirrors(site: string, host: string): Promise<void> {
  await Promise.all([writeRepository(site), writeIndex(site), writeNpmRegistry(site, host)]);
}

async function writeRepository(site: string): Promise<void> {
  const git = (...args: string[]) =>
    mustRun('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], { cwd: site });
  await git('init', '-q', 'work');
  await writeFile(join(site, 'work/README'), 'a project\n');
  await git('-C', 'work', 'add', '.');
  await git('-C', 'work', 'commit', '-qm', 'first');
  await git('clone', '-q', '--bare', 'work', 'project.git');
  // For servers that only serve files.
  await git('-C', 'project.git', 'update-server-info');
}

async function writeIndex(site: string): Promise<void> {
  const wheel = 'greeting-1.0-py3-none-any.whl';
  const about = 'greeting-1.0.dist-info';
  await mkdir(join(site, 'simple/greeting'), { recursive: true });
  await writeFile(join(site, 'simple/greeting/index.html'), `<a href="../../${wheel}">${wheel}</a>`);
  await writeFile(
    join(site, wheel),
    storedZip({
      'greeting.py': 'print("hello from a package")\n',
      [`${about}/METADATA`]: 'Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n',
      [`${about}/WHEEL`]: 'Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
      [`${about}/RECORD`]: `greeting.py,,\n${about}/METADATA,,\n${about}/WHEEL,,\n${about}/RECORD,,\n`,
    }),
  );
}
