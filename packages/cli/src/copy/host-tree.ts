import { isUtf8 } from 'node:buffer';
import { constants, createReadStream, type Stats } from 'node:fs';
import { lstat, open, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { CustomError } from '@microsandbox/types';
import { hostError } from './host-error.ts';
import { permissionsOf, type TreeEntry } from './tree-entry.ts';

const READ_BYTES = 1 << 20;

/** A file, link or folder of the host, with everything below it. */
export async function* hostTree(root: string): AsyncGenerator<TreeEntry, void, void> {
  yield* below(root, []);
}

async function* below(path: string, names: readonly string[]): AsyncGenerator<TreeEntry, void, void> {
  const entry = await entryOf(path, names).catch((error: unknown) => {
    throw hostError(path, error);
  });
  yield entry;
  if (entry.kind !== 'directory') return;
  const children = await readdir(path, { encoding: 'buffer' }).catch((error: unknown) => {
    throw hostError(path, error);
  });
  for (const child of children.sort(Buffer.compare)) {
    if (!isUtf8(child)) throw undecodable(join(path, child.toString()));
    const name = child.toString();
    yield* below(join(path, name), [...names, name]);
  }
}

async function entryOf(path: string, names: readonly string[]): Promise<TreeEntry> {
  const stats = await lstat(path);
  const base = { path: names, mode: permissionsOf(stats.mode), modified: stats.mtime };
  if (stats.isDirectory()) return { ...base, kind: 'directory' };
  if (stats.isSymbolicLink()) return { ...base, kind: 'symlink', target: await linkTarget(path) };
  if (!stats.isFile()) throw new CustomError(`unsupported file type: ${path}`);
  return { ...base, kind: 'file', size: stats.size, open: () => content(path) };
}

async function linkTarget(path: string): Promise<string> {
  const target = await readlink(path, { encoding: 'buffer' });
  if (!isUtf8(target)) throw undecodable(path);
  return target.toString();
}

/** The file may have become something else since it was looked at: neither a link nor a pipe is opened. */
async function* content(path: string): AsyncGenerator<Uint8Array, void, void> {
  try {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const file = await open(path, flags);
    try {
      const stats: Stats = await file.stat();
      if (!stats.isFile()) throw new CustomError(`unsupported file type: ${path}`);
      yield* createReadStream('', { fd: file, autoClose: false, highWaterMark: READ_BYTES });
    } finally {
      await file.close();
    }
  } catch (error) {
    throw hostError(path, error);
  }
}

/** The agent's messages carry names as text. */
function undecodable(path: string): CustomError {
  return new CustomError(`cannot copy ${JSON.stringify(path)}: its name or target is not valid UTF-8`, {
    hint: 'send it as an archive instead: tar -c FOLDER | msb exec SANDBOX -- tar -x -C TARGET',
  });
}
