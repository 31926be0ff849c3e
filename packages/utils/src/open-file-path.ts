import type { FileHandle } from 'node:fs/promises';

/**
 * A path that always means the open file or folder, whatever is renamed or put in its place. With it names can be
 * looked up in an open folder, as with `openat(2)`, which Node does not have: Linux has a path for every open file, and
 * macOS one for every inode. Elsewhere the path that was opened must do.
 */
export async function openFilePath(handle: FileHandle, openedPath: string): Promise<string> {
  if (process.platform === 'linux') return `/proc/self/fd/${handle.fd}`;
  if (process.platform !== 'darwin') return openedPath;
  const { dev, ino } = await handle.stat({ bigint: true });
  return `/.vol/${dev}/${ino}`;
}
