import { constants } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import { MicrosandboxError } from '@microsandbox/types';
import { errnoOf, PinnedFolder } from '@microsandbox/utils';
import { copyFileTo, copyFolderTo, makeFolderAt, writeFileAt, writeLinkAt } from './copy-to-folder.ts';
import { type FolderPlace, inFolder } from './folder-place.ts';
import { linkTarget } from './link-target.ts';
import { patchFailed } from './patch-failed.ts';
import type { RootfsPatch } from './rootfs-patch.ts';

const { O_APPEND, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants;

/** What is patched, and how. */
export interface PatchFolderOptions {
  /** Folder of the host that is a sandbox's root. */
  readonly folder: string;
  readonly patches: readonly RootfsPatch[];
  readonly signal?: AbortSignal | undefined;
}

/**
 * Applies patches in their order to a folder of the host that is a sandbox's root. What they make belongs to the user
 * of this process, which the guest sees as its root. Links in the folder, which a guest may have made, are not followed.
 * Patches before one that fails stay applied.
 *
 * @throws {PatchFailedError} when one of them cannot be applied.
 */
export async function patchFolder({ folder, patches, signal }: PatchFolderOptions): Promise<void> {
  const root = await PinnedFolder.open(folder).catch((error: unknown) => {
    throw inWords(folder, error);
  });
  try {
    for (const patch of patches) {
      signal?.throwIfAborted();
      await apply(root, patch).catch((error: unknown) => {
        throw inWords(pathOf(patch), error);
      });
    }
  } finally {
    await root.close();
  }
}

async function apply(root: PinnedFolder, patch: RootfsPatch): Promise<unknown> {
  const path = pathOf(patch);
  const make = (act: (place: FolderPlace) => Promise<void>) =>
    inFolder(root, path, { makeParents: true }, act);
  switch (patch.kind) {
    case 'text':
    case 'file':
      return make(async (place) => {
        await assertFree(place, patch);
        const { content } = patch;
        const bytes = typeof content === 'string' ? Buffer.from(content, 'utf8') : content;
        await writeFileAt(place, bytes, patch.mode ?? 0o644);
      });
    case 'copyFile':
      return make(async (place) => {
        await assertFree(place, patch);
        await copyFileTo(patch.src, place, patch.mode);
      });
    case 'copyDir':
      return make(async (place) => {
        await assertFree(place, patch);
        await copyFolderTo(patch.src, place);
      });
    case 'symlink': {
      const target = Buffer.from(linkTarget(patch.target), 'latin1').toString('utf8');
      return make(async (place) => {
        await assertFree(place, patch);
        await writeLinkAt(place, target);
      });
    }
    case 'mkdir':
      return make((place) => makeDirectory(place, path, patch.mode ?? 0o755));
    case 'remove':
      return inFolder(root, path, { makeParents: false }, ({ folder, name }) =>
        folder.removeTree(name).catch((error: unknown) => {
          if (errnoOf(error) !== 'ENOENT') throw error;
        }),
      );
    case 'append': {
      const found = await inFolder(root, path, { makeParents: false }, (place) =>
        append(place, path, patch.content),
      );
      if (found === undefined) throw patchFailed(`cannot append to '${path}': file not found in rootfs`);
    }
  }
}

/** The place in the guest that a patch is about. */
function pathOf(patch: RootfsPatch): string {
  if ('dst' in patch) return patch.dst;
  return 'link' in patch ? patch.link : patch.path;
}

async function assertFree(
  { path }: FolderPlace,
  patch: RootfsPatch & { readonly replace?: boolean | undefined },
) {
  if (patch.replace || (await lstat(path).catch(() => null)) === null) return;
  throw patchFailed(`path already exists in rootfs: '${pathOf(patch)}' (set replace to allow)`);
}

/** A folder that is there stays as it is. */
async function makeDirectory(place: FolderPlace, shown: string, mode: number): Promise<void> {
  const stats = await lstat(place.path).catch(() => null);
  if (stats === null) return makeFolderAt(place, mode);
  if (stats.isDirectory()) return;
  throw patchFailed(`cannot create directory at '${shown}': path exists and is not a directory`);
}

/** @returns true; undefined stands for a folder that is missing. */
async function append({ path }: FolderPlace, shown: string, content: string): Promise<true> {
  const failure = `cannot append to '${shown}':`;
  const file = await open(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK).catch((error: unknown) => {
    const code = errnoOf(error);
    if (code === 'ENOENT') throw patchFailed(`${failure} file not found in rootfs`);
    if (['EISDIR', 'ELOOP', 'ENXIO'].includes(code ?? '')) {
      throw patchFailed(`${failure} target is not a regular file`);
    }
    throw error;
  });
  try {
    if (!(await file.stat()).isFile()) throw patchFailed(`${failure} target is not a regular file`);
    await file.writeFile(content);
    return true;
  } finally {
    await file.close();
  }
}

function inWords(path: string, error: unknown): unknown {
  if (error instanceof MicrosandboxError) return error;
  const code = errnoOf(error);
  return code === undefined ? error : patchFailed(`cannot write ${path}: ${code}`, { cause: error });
}
