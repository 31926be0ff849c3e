import { CustomError } from '@microsandbox/types';
import type { FsEntry, SandboxFsOps } from 'microsandbox';
import { checkedName } from './base-name.ts';
import { type ByteName, bytesName } from './byte-name.ts';
import { guestError } from './guest-error.ts';
import { permissionsOf, type TreeEntry } from './tree-entry.ts';

/** Folders in folders; more than any honest tree has. */
const MAX_DEPTH = 512;

/** Longest path that a guest's kernel takes, bytes. */
const MAX_LINK_BYTES = 4096;

/** What a guest tree is read from. */
export interface GuestPlace {
  readonly files: SandboxFsOps;
  /** Name of the sandbox. */
  readonly sandbox: string;
}

/** A file, link or folder of a sandbox, with everything below it. What the guest says is checked. */
export async function* guestTree(place: GuestPlace, root: string): AsyncGenerator<TreeEntry, void, void> {
  const metadata = await place.files.lstat(root).catch(failedAt(root));
  yield* below(place, { ...metadata, path: root }, []);
}

async function* below(
  place: GuestPlace,
  info: FsEntry,
  names: readonly ByteName[],
): AsyncGenerator<TreeEntry, void, void> {
  const entry = await entryOf(place, info, names);
  yield entry;
  if (entry.kind !== 'directory') return;
  if (names.length >= MAX_DEPTH) throw new CustomError(`more than ${MAX_DEPTH} folders deep: ${info.path}`);
  const path = bytesName(pathOf(info));
  const folder = path.endsWith('/') ? path : `${path}/`;
  for (const child of await place.files.list(pathOf(info)).catch(failedAt(info.path))) {
    const inner = bytesName(pathOf(child));
    const name = checkedName(inner.startsWith(folder) ? inner.slice(folder.length) : '');
    yield* below(place, child, [...names, name]);
  }
}

async function entryOf(place: GuestPlace, info: FsEntry, names: readonly ByteName[]): Promise<TreeEntry> {
  const { kind, size, modified } = info;
  const path = pathOf(info);
  const base = { path: names, mode: permissionsOf(info.mode), modified };
  switch (kind) {
    case 'directory':
      return { ...base, kind };
    case 'symlink':
      return {
        ...base,
        kind,
        target: checkedTarget(info.path, await place.files.readLinkBytes(path).catch(failedAt(info.path))),
      };
    case 'file':
      return {
        ...base,
        kind,
        size,
        open: () => content(place, path),
        origin: { sandbox: place.sandbox, path },
      };
    default:
      throw new CustomError(`unsupported file type: ${info.path}`);
  }
}

async function* content({ files }: GuestPlace, path: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  try {
    await using stream = await files.readStream(path);
    yield* stream;
  } catch (error) {
    throw guestError(path, error);
  }
}

/** A rejected operation is told with its file. */
function failedAt(path: string): (error: unknown) => never {
  return (error) => {
    throw guestError(path, error);
  };
}

function checkedTarget(path: string, target: Uint8Array): ByteName {
  if (target.length === 0 || target.includes(0) || target.length > MAX_LINK_BYTES) {
    throw new CustomError(`refusing to create symlink ${path}: its target is no path`);
  }
  return bytesName(target);
}

/** Bytes of the entry's path. */
function pathOf(info: FsEntry): Uint8Array {
  return info.pathBytes ?? Buffer.from(info.path);
}
