import { statfs } from 'node:fs/promises';

/** Bytes that a user may still write on the file system of `path`; undefined when that cannot be told. */
export async function freeBytes(path: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}
