import { type FileHandle, open, stat } from 'node:fs/promises';
import { errnoOf } from '@microsandbox/utils';

/** One opened file of a log. */
export interface OpenLogFile {
  readonly file: FileHandle;
  /** Inode. */
  readonly generation: bigint;
}

const MAX_TRIES = 5;

/**
 * Opens a log and its rotated predecessors: index 0 is the live file, `k` the one with suffix `.k`; null where
 * there is none. Tried again when a rotation happened meanwhile, so that no file is left out.
 */
export async function openLogChain(path: string, rotations: number): Promise<(OpenLogFile | null)[]> {
  const paths = Array.from({ length: rotations + 1 }, (_, index) =>
    index === 0 ? path : `${path}.${index}`,
  );
  for (let attempt = 1; ; attempt += 1) {
    const chain = await Promise.all(paths.map(openIfThere));
    const now = await Promise.all(paths.map(generationOf));
    const unchanged = chain.every((entry, index) => (entry?.generation ?? null) === now[index]);
    if (unchanged || attempt === MAX_TRIES) return chain;
    for (const entry of chain) await entry?.file.close();
  }
}

/** Inode of what is at a path, or null. */
export async function generationOf(path: string): Promise<bigint | null> {
  return stat(path, { bigint: true }).then(
    ({ ino }) => ino,
    () => null,
  );
}

async function openIfThere(path: string): Promise<OpenLogFile | null> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
  const { ino } = await file.stat({ bigint: true });
  return { file, generation: ino };
}
