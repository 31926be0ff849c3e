import { constants, createReadStream, type Stats } from 'node:fs';
import { lstat, open, readdir, readlink } from 'node:fs/promises';
import { CustomError } from '@microsandbox/types';
import { hostError } from '../errors/host-error.ts';
import { type ByteName, bytesName } from './byte-name.ts';
import { permissionsOf, type TreeEntry } from './tree-entry.ts';

const READ_BYTES = 1 << 20;
const SLASH = Buffer.from('/');

/** A file, link or folder of the host, with everything below it. */
export async function* hostTree(root: string): AsyncGenerator<TreeEntry, void, void> {
  yield* below(Buffer.from(root), []);
}

async function* below(path: Buffer, names: readonly ByteName[]): AsyncGenerator<TreeEntry, void, void> {
  const entry = await entryOf(path, names).catch((error: unknown) => {
    throw hostError(path.toString(), error);
  });
  yield entry;
  if (entry.kind !== 'directory') return;
  const children = await readdir(path, { encoding: 'buffer' }).catch((error: unknown) => {
    throw hostError(path.toString(), error);
  });
  for (const child of children.sort(Buffer.compare)) {
    const inner = Buffer.concat([path, SLASH, child]);
    yield* below(inner, [...names, bytesName(child)]);
  }
}

async function entryOf(path: Buffer, names: readonly ByteName[]): Promise<TreeEntry> {
  const stats = await lstat(path);
  const base = { path: names, mode: permissionsOf(stats.mode), modified: stats.mtime };
  if (stats.isDirectory()) return { ...base, kind: 'directory' };
  if (stats.isSymbolicLink()) return { ...base, kind: 'symlink', target: await linkTarget(path) };
  if (!stats.isFile()) throw new CustomError(`unsupported file type: ${path}`);
  return { ...base, kind: 'file', size: stats.size, open: () => content(path) };
}

async function linkTarget(path: Buffer): Promise<ByteName> {
  return bytesName(await readlink(path, { encoding: 'buffer' }));
}

/** The file may have become something else since it was looked at: neither a link nor a pipe is opened. */
async function* content(path: Buffer): AsyncGenerator<Uint8Array, void, void> {
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
    throw hostError(path.toString(), error);
  }
}
