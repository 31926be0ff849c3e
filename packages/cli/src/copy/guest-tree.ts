import { CustomError } from '@microsandbox/types';
import type { FsEntry, SandboxFsOps } from 'microsandbox';
import { checkedName } from './base-name.ts';
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
  const metadata = await place.files.lstat(root);
  yield* below(place, { ...metadata, path: root }, []);
}

async function* below(
  place: GuestPlace,
  info: FsEntry,
  names: readonly string[],
): AsyncGenerator<TreeEntry, void, void> {
  const entry = await explained(info.path, entryOf(place, info, names));
  yield entry;
  if (entry.kind !== 'directory') return;
  if (names.length >= MAX_DEPTH) throw new CustomError(`more than ${MAX_DEPTH} folders deep: ${info.path}`);
  const folder = info.path.endsWith('/') ? info.path : `${info.path}/`;
  for (const child of await explained(info.path, place.files.list(info.path))) {
    const name = checkedName(child.path.startsWith(folder) ? child.path.slice(folder.length) : '');
    yield* below(place, child, [...names, name]);
  }
}

async function entryOf(place: GuestPlace, info: FsEntry, names: readonly string[]): Promise<TreeEntry> {
  const { kind, path, size, modified } = info;
  const base = { path: names, mode: permissionsOf(info.mode), modified };
  switch (kind) {
    case 'directory':
      return { ...base, kind };
    case 'symlink':
      return { ...base, kind, target: checkedTarget(path, await place.files.readLink(path)) };
    case 'file':
      return {
        ...base,
        kind,
        size,
        open: () => content(place, path),
        origin: { sandbox: place.sandbox, path },
      };
    default:
      throw new CustomError(`unsupported file type: ${path}`);
  }
}

async function* content({ files }: GuestPlace, path: string): AsyncGenerator<Uint8Array, void, void> {
  await using stream = await explained(path, files.readStream(path));
  yield* stream;
}

function checkedTarget(path: string, target: string): string {
  if (target === '' || target.includes('\0') || Buffer.byteLength(target) > MAX_LINK_BYTES) {
    throw new CustomError(`refusing to create symlink ${path}: its target is no path`);
  }
  return target;
}

/** The agent sends names as text; what was none cannot be found again. */
async function explained<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!path.includes('\uFFFD') || !/os error 2/.test((error as Error).message)) throw error;
    throw new CustomError(`cannot copy ${JSON.stringify(path)}: its name is not valid UTF-8`, {
      cause: error,
      hint: 'fetch it as an archive instead: msb exec SANDBOX -- tar -c -C FOLDER . > FILE',
    });
  }
}
