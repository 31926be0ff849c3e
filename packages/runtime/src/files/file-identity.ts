import { stat } from 'node:fs/promises';

/** A name that changes when the file at `path` is replaced, written, renamed or given other rights. */
export async function fileIdentity(path: string): Promise<string> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
  return [dev, ino, size, mtimeNs, ctimeNs].join('-');
}
