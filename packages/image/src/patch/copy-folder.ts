import type { Dirent } from 'node:fs';
import { lstat, readdir, readlink, stat } from 'node:fs/promises';
import type { DirectoryNode } from '../tree/nodes.ts';
import { NO_XATTRS } from '../tree/nodes.ts';
import { quotePath } from '../tree/quote-path.ts';
import { cannotRead, type HostSource } from './host-source.ts';
import { patchFailed } from './patch-failed.ts';
import { patchMetadata, putDirectory } from './upper-layer.ts';

/** Permission bits of a folder of the host; 0755 for one without any. A link to a folder counts as that. */
export async function folderMode(path: string): Promise<number> {
  const stats = await stat(path).catch((error: unknown) => {
    throw cannotRead(path, error);
  });
  return stats.mode & 0o7777 || 0o755;
}

/** Copies what is in a folder of the host into a directory of the tree, links as links. */
export async function copyFolder(folder: string, target: DirectoryNode, source: HostSource): Promise<void> {
  const stack = [{ folder: Buffer.from(folder), directory: target }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { children } = next.directory;
    for (const entry of await list(next.folder)) {
      const name = entry.name.toString('latin1');
      const path = Buffer.concat([next.folder, Buffer.from('/'), entry.name]);
      if (entry.isDirectory()) {
        const directory = putDirectory(children, name, patchMetadata(await modeOf(path)));
        stack.push({ folder: path, directory });
        continue;
      }
      if (children.get(name)?.kind === 'directory') {
        throw patchFailed(`entry already exists: ${quotePath(name)}`);
      }
      if (entry.isSymbolicLink()) {
        children.set(name, { kind: 'symlink', ...patchMetadata(0o777), target: await targetOf(path) });
      } else if (entry.isFile()) {
        const { data, size, mode } = await source.file(path);
        children.set(name, { kind: 'file', ...patchMetadata(mode), xattrs: NO_XATTRS, size, data });
      } else {
        throw patchFailed(`CopyDir source contains an unsupported file type: '${path}'`);
      }
    }
  }
}

async function list(folder: Buffer): Promise<Dirent<Buffer>[]> {
  try {
    return await readdir(folder, { encoding: 'buffer', withFileTypes: true });
  } catch (error) {
    throw cannotRead(folder.toString(), error);
  }
}

async function modeOf(path: Buffer): Promise<number> {
  try {
    return (await lstat(path)).mode & 0o7777 || 0o755;
  } catch (error) {
    throw cannotRead(path.toString(), error);
  }
}

async function targetOf(path: Buffer): Promise<string> {
  try {
    return (await readlink(path, { encoding: 'buffer' })).toString('latin1');
  } catch (error) {
    throw cannotRead(path.toString(), error);
  }
}
