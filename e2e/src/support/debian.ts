import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildTestImage, mustRun, type TestImage, tarFolder } from '@microsandbox/test-utils';
import { consumer } from './consumer.ts';

/**
 * A real Debian root file system in three layers: the distribution, a layer that adds and replaces, and one that
 * whites a file out.
 */
export async function debianImage(): Promise<TestImage> {
  const folder = await mkdtemp(join(tmpdir(), 'msb-debian-'));
  try {
    const base = await readFile(await distribution());
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
      layers: [base, await tarFolder(added), await tarFolder(removed)],
      config: { Cmd: ['bash'], Env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'] },
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Programs that people work with; one list, so that a run of the suite makes one image of them. */
const TOOLS = [
  'ca-certificates',
  'curl',
  'git',
  'iputils-ping',
  // For Node.js, which tests bring along.
  'libstdc++6',
  'netcat-openbsd',
  'openssh-client',
  'openssl',
  'python3-pip',
  'sqlite3',
  'wget',
] as const;

/** A Debian with programs that people work with. */
export async function debianWithTools(): Promise<TestImage> {
  return buildTestImage({
    layers: [await readFile(await distribution(TOOLS))],
    compression: 'none',
    config: { Cmd: ['bash'], Env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'] },
  });
}

/** Archive of the distribution, made by the first run of the suite that needs it. */
async function distribution(packages: readonly string[] = []): Promise<string> {
  const path = join(consumer, packages.length > 0 ? 'debian-tools.tar' : 'debian.tar');
  if ((await stat(path).catch(() => null)) === null) {
    const include = packages.length > 0 ? [`--include=${packages.join(',')}`] : [];
    const options = [
      '--variant=essential',
      ...include,
      '--mode=root',
      '--format=tar',
      'bookworm',
      `${path}.tmp`,
    ];
    await mustRun('mmdebstrap', options, { timeoutMs: 280_000 });
    await rename(`${path}.tmp`, path);
  }
  return path;
}
