import { lstat, readlink } from 'node:fs/promises';
import { SandboxFsOpsError } from '@microsandbox/types';
import { errnoOf, PinnedFolder } from '@microsandbox/utils';

/** As many links as the kernel follows. */
const MAX_LINKS = 40;

/** A place inside a folder: an open folder, and the last name of the path in it. */
export interface PlaceBeneath extends AsyncDisposable {
  /** The open folder that it is in. */
  readonly folder: PinnedFolder;
  /** Its last name; `.` is the folder itself. */
  readonly name: string;
  /** A path that means this place whatever becomes of the folders above it; nothing but its last name is looked up. */
  readonly path: string;
}

/**
 * Finds a place inside a folder that a guest may be writing to at the same time. Every step is taken from an open
 * folder, as with `openat2(2)` and `RESOLVE_BENEATH`: links are read and followed inside, and one that leads out is
 * refused, also one that is put there meanwhile.
 *
 * @param followLast whether a link at the end of the path is followed too
 * @throws SandboxFsOpsError for a path that leaves the folder
 */
export async function placeBeneath(
  root: string,
  path: string,
  { followLast = true }: { readonly followLast?: boolean } = {},
): Promise<PlaceBeneath> {
  let names = namesOf(path);
  const folders = [await PinnedFolder.open(root)];
  try {
    for (let links = 0; ; ) {
      const [name, ...rest] = names;
      if (name === undefined) return place(folders, '.');
      if (name === '..') {
        if (folders.length === 1) throw outside(path);
        await folders.pop()?.close();
        names = rest;
        continue;
      }
      const target = rest.length > 0 || followLast ? await linkTarget(last(folders).at(name)) : null;
      if (target !== null) {
        links += 1;
        if (links > MAX_LINKS) throw new SandboxFsOpsError(`sandbox fs error: ${path}: too many links`);
        if (target.startsWith('/')) throw outside(path);
        names = [...namesOf(target), ...rest];
        continue;
      }
      if (rest.length === 0) return place(folders, name);
      folders.push(await last(folders).enter(name));
      names = rest;
    }
  } catch (error) {
    for (const folder of folders) await folder.close();
    throw error;
  }
}

function place(folders: readonly PinnedFolder[], name: string): PlaceBeneath {
  const folder = last(folders);
  return {
    folder,
    name,
    path: folder.at(name),
    async [Symbol.asyncDispose]() {
      for (const folder of folders) await folder.close();
    },
  };
}

/** Leading slashes are the folder itself, `.` is nowhere. */
function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

/** Where a link points, or null when the path is none, or not there. */
async function linkTarget(path: string): Promise<string | null> {
  try {
    if (!(await lstat(path)).isSymbolicLink()) return null;
    return await readlink(path);
  } catch (error) {
    const code = errnoOf(error);
    // Not there, or no link any more: what comes next says so, without following anything.
    if (code === 'ENOENT' || code === 'EINVAL') return null;
    throw error;
  }
}

function last(folders: readonly PinnedFolder[]): PinnedFolder {
  const folder = folders.at(-1);
  if (folder === undefined) throw new RangeError('no open folder');
  return folder;
}

function outside(path: string): SandboxFsOpsError {
  return new SandboxFsOpsError(`sandbox fs error: ${path}: path traversal outside volume root`);
}
