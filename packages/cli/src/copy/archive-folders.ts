import { CustomError } from '@microsandbox/types';
import type { GuestPath, SandboxFsOps } from 'microsandbox';
import type { ByteName } from './byte-name.ts';
import { guestError } from './guest-error.ts';
import { guestPathOf } from './guest-path-of.ts';
import { statOrNull } from './guest-sink.ts';
import type { TreeEntry, TreeSource } from './tree-entry.ts';

/**
 * The entries of an archive for the folder `root` of a sandbox: folders that the archive leaves out are made, a
 * member that would go through a link is refused, and `root` itself stays as it is.
 */
export async function* withFolders(
  entries: TreeSource,
  files: SandboxFsOps,
  root: string,
): AsyncGenerator<TreeEntry, void, void> {
  await mkdirAt(files, root);
  const checked = new Set<string>();
  for await (const entry of entries) {
    if (entry.path.length === 0) continue;
    const { sameAs = [] } = entry.kind === 'file' ? entry : {};
    await check(files, root, entry.path.slice(0, -1), checked);
    await check(files, root, sameAs.slice(0, -1), checked);
    if (entry.kind === 'directory') await check(files, root, entry.path, checked);
    yield entry;
  }
}

/** Makes folders from `root` down, unless they are there. */
async function check(
  files: SandboxFsOps,
  root: string,
  names: readonly ByteName[],
  checked: Set<string>,
): Promise<void> {
  for (let depth = 1; depth <= names.length; depth++) {
    const inner = names.slice(0, depth);
    const key = inner.join('/');
    if (checked.has(key)) continue;
    const path = guestPathOf(root, inner);
    const existing = await statOrNull(files, path);
    if (existing === null) await mkdirAt(files, path);
    else if (existing.kind !== 'directory') {
      throw new CustomError(`refusing to go through ${path}: it is no folder`);
    }
    checked.add(key);
  }
}

async function mkdirAt(files: SandboxFsOps, path: GuestPath): Promise<void> {
  try {
    await files.mkdir(path);
  } catch (error) {
    throw guestError(path, error);
  }
}
