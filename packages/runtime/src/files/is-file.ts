import { stat } from 'node:fs/promises';

/** Whether `path` leads to a regular file, through links if need be. */
export async function isFile(path: string): Promise<boolean> {
  const info = await stat(path).catch(() => null);
  return info?.isFile() ?? false;
}
