import { mkdir } from 'node:fs/promises';
import { errnoOf, type PinnedFolder } from '@microsandbox/utils';
import { parseGuestPath, shownPath } from './guest-path.ts';
import { patchFailed } from './patch-failed.ts';

const PARENT_MODE = 0o755;

/** The last name of a patch's path, and the open folder that it is in. */
export interface FolderPlace {
  readonly folder: PinnedFolder;
  readonly name: string;
  /** A path that means this place whatever becomes of the folders above it. */
  readonly path: string;
}

/** How to treat folders on the way that are not there. */
export interface InFolderOptions {
  readonly makeParents: boolean;
}

/**
 * Acts at a patch's path in a folder that stands for the root. Every step is taken from an open folder and no link is
 * followed, so nothing outside of the root is ever touched.
 *
 * @returns what `act` returns, or undefined where a folder on the way is missing and none is to be made.
 * @throws {PatchFailedError} when something else than a folder is on the way.
 */
export async function inFolder<T>(
  root: PinnedFolder,
  text: string,
  { makeParents }: InFolderOptions,
  act: (place: FolderPlace) => Promise<T>,
): Promise<T | undefined> {
  const { names } = parseGuestPath(text);
  const spelled = names.map((name) => Buffer.from(name, 'latin1').toString('utf8'));
  const name = spelled.pop() as string;
  const opened: PinnedFolder[] = [];
  try {
    let folder = root;
    for (const [depth, parent] of spelled.entries()) {
      if (makeParents) await makeParent(folder, parent);
      const next = await enter(folder, parent, shownPath(names.slice(0, depth + 1)));
      if (next === null) return undefined;
      opened.push(next);
      folder = next;
    }
    return await act({ folder, name, path: folder.at(name) });
  } finally {
    for (const folder of opened) await folder.close();
  }
}

async function enter(folder: PinnedFolder, name: string, shown: string): Promise<PinnedFolder | null> {
  try {
    return await folder.enter(name);
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOENT') return null;
    const failure = `patch path parent is not a directory: '${shown}'`;
    // Linux says ENOTDIR of a link too, when a directory is asked for.
    if (code === 'ENOTDIR' || code === 'ELOOP') {
      throw patchFailed(failure, { hint: 'links are not followed: write where it leads to instead' });
    }
    throw error;
  }
}

async function makeParent(folder: PinnedFolder, name: string): Promise<void> {
  try {
    await mkdir(folder.at(name), PARENT_MODE);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return;
    throw error;
  }
  // The user's mask took bits away.
  const made = await folder.enter(name);
  await made.chmod(PARENT_MODE).finally(() => made.close());
}
