import { constants } from 'node:fs';
import { lstat, mkdir, open, readdir, readlink, symlink, unlink } from 'node:fs/promises';
import { errnoOf, type PinnedFolder } from '@microsandbox/utils';
import { quotePath } from '../tree/quote-path.ts';
import { folderMode } from './copy-folder.ts';
import type { FolderPlace } from './folder-place.ts';
import { cannotRead } from './host-source.ts';
import { patchFailed } from './patch-failed.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** Set-user-id and the like would count for the host's own users, so a folder of the host gets permissions only. */
const PERMISSIONS = 0o777;

/**
 * Puts a new file at a place; a file or link that is there makes way.
 *
 * @param mode Permission bits; others are left out.
 * @throws {PatchFailedError} when a folder is there.
 */
export async function writeFileAt(
  place: FolderPlace,
  content: AsyncIterable<Uint8Array> | Uint8Array,
  mode: number,
): Promise<void> {
  await makeWay(place);
  const file = await open(place.path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600);
  try {
    await file.writeFile(content);
    await file.chmod(mode & PERMISSIONS);
  } finally {
    await file.close();
  }
}

/** Makes a link at a place; a file or link that is there makes way. */
export async function writeLinkAt(place: FolderPlace, target: string): Promise<void> {
  await makeWay(place);
  await symlink(target, place.path);
}

/**
 * Copies a regular file of the host to a place.
 *
 * @param mode The source's when absent, 0644 for one without any.
 * @throws {PatchFailedError} when it cannot be read or is no regular file.
 */
export async function copyFileTo(source: string, place: FolderPlace, mode?: number): Promise<void> {
  const file = await open(source, O_RDONLY | O_NONBLOCK).catch((error: unknown) => {
    throw cannotRead(source, error);
  });
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw patchFailed(`patch source is not a regular file: ${source}`);
    const content = file.createReadStream({ autoClose: false });
    await writeFileAt(place, content, mode ?? (stats.mode & PERMISSIONS || 0o644));
  } finally {
    await file.close();
  }
}

/**
 * Copies a folder of the host to a place, links as links. A folder that is there keeps what else is in it.
 *
 * @throws {PatchFailedError} for what cannot be copied.
 */
export async function copyFolderTo(source: string, place: FolderPlace): Promise<void> {
  const mode = await folderMode(source);
  await makeFolderAt(place, mode, async (folder) => {
    const entries = await readdir(source, { withFileTypes: true }).catch((error: unknown) => {
      throw cannotRead(source, error);
    });
    for (const entry of entries) {
      const { name } = entry;
      const from = `${source}/${name}`;
      const to = { folder, name, path: folder.at(name) };
      if (entry.isDirectory()) await copyFolderTo(from, to);
      else if (entry.isSymbolicLink()) await writeLinkAt(to, await readlink(from));
      else if (entry.isFile()) await copyFileTo(from, to);
      else throw patchFailed(`CopyDir source contains an unsupported file type: '${from}'`);
    }
  });
}

/**
 * Makes a folder at a place unless one is there, fills it, and gives it its mode.
 *
 * @throws {PatchFailedError} when something else is there.
 */
export async function makeFolderAt(
  place: FolderPlace,
  mode: number,
  fill: (folder: PinnedFolder) => Promise<void> = async () => {},
): Promise<void> {
  await mkdir(place.path, 0o700).catch(async (error: unknown) => {
    if (errnoOf(error) !== 'EEXIST') throw error;
    if (!(await lstat(place.path)).isDirectory()) throw alreadyThere(place);
  });
  const folder = await place.folder.enter(place.name);
  try {
    await fill(folder);
    await folder.chmod(mode & PERMISSIONS);
  } finally {
    await folder.close();
  }
}

async function makeWay(place: FolderPlace): Promise<void> {
  const stats = await lstat(place.path).catch(() => null);
  if (stats === null) return;
  if (stats.isDirectory()) throw alreadyThere(place);
  await unlink(place.path);
}

function alreadyThere({ name }: FolderPlace): Error {
  return patchFailed(`entry already exists: ${quotePath(Buffer.from(name, 'utf8').toString('latin1'))}`);
}
