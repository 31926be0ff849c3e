import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildTestImage, mustRun } from '@microsandbox/test-utils';

/** Archives of the distribution are kept here from one run to the next. */
const CACHE = new URL('../../target/bench', import.meta.url).pathname;

const PACKAGES = 'python3,git,ca-certificates,curl';
const LEFT_OUT = ['./usr/share/doc', './usr/share/man', './usr/share/locale', './var/cache', './dev'];

/**
 * Path of an archive of a real Debian root file system, about 220 MB: small files and large ones, as images have
 * them. The first run makes it with mmdebstrap.
 */
export async function debianArchive() {
  const path = join(CACHE, 'debian.tar');
  if ((await stat(path).catch(() => null)) === null) {
    await mkdir(CACHE, { recursive: true });
    const options = ['--quiet', '--variant=minbase', `--include=${PACKAGES}`, '--format=tar'];
    await mustRun('mmdebstrap', [...options, 'bookworm', `${path}.all`], { timeoutMs: 280_000 });
    await withFolder(async (folder) => {
      await mustRun('tar', [
        '-xf',
        `${path}.all`,
        '-C',
        folder,
        ...LEFT_OUT.map((name) => `--exclude=${name}`),
      ]);
      await mustRun('tar', ['-cf', `${path}.part`, '--sort=name', '--numeric-owner', '-C', folder, '.']);
    });
    await rm(`${path}.all`);
    await rename(`${path}.part`, path);
  }
  return path;
}

/** The same root file system in so many layers; the first of two holds three quarters of it, of more all are alike. */
export async function debianImage(layerCount) {
  const archive = await debianArchive();
  const layers = await withFolder(async (folder) => {
    const root = join(folder, 'root');
    await mkdir(root);
    await mustRun('tar', ['-xf', archive, '-C', root]);
    const parts = split(
      await listEntries(root),
      layerCount === 2 ? [0.77, 0.23] : Array(layerCount).fill(1 / layerCount),
    );
    const archives = [];
    for (const [index, names] of parts.entries()) {
      const list = join(folder, 'list');
      const layer = join(folder, `${index}.tar`);
      await writeFile(list, names.map((name) => `./${name}\0`).join(''));
      await mustRun('tar', [
        '-cf',
        layer,
        '-C',
        root,
        '--numeric-owner',
        '--no-recursion',
        '--null',
        '-T',
        list,
      ]);
      archives.push(await readFile(layer));
      await rm(layer);
    }
    return archives;
  });
  return buildTestImage({ layers, gzipLevel: 6, config: { Cmd: ['bash'] } });
}

/** All names below a folder, sorted, with the size of files. */
async function listEntries(root) {
  const entries = [];
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    entries.push({ name: path.slice(root.length + 1), bytes: entry.isFile() ? (await stat(path)).size : 0 });
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Cuts entries into parts of these shares of all bytes. */
function split(entries, shares) {
  const total = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  const parts = shares.map(() => []);
  let index = 0;
  let end = total * shares[0];
  let seen = 0;
  for (const { name, bytes } of entries) {
    if (seen >= end && index < shares.length - 1) end += total * shares[++index];
    parts[index].push(name);
    seen += bytes;
  }
  return parts;
}

async function withFolder(work) {
  const folder = await mkdtemp(join(CACHE, 'work-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
