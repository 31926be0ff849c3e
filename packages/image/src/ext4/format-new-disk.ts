import { randomBytes } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { DirectoryNode } from '../tree/nodes.ts';
import { formatExt4 } from './format-ext4.ts';

const MIB = 1024 * 1024;

/** A disk that is made anew. */
export interface NewDisk {
  /** Where the disk goes; an existing file is replaced. */
  readonly path: string;
  /** Size in MiB, at least 8. */
  readonly sizeMib: number;
  readonly root: DirectoryNode;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes an ext4 disk with what `root` holds, owned by root. It appears under its name when it is complete.
 *
 * @throws {InvalidConfigError} when the size cannot hold it.
 */
export async function formatNewDisk({ path, sizeMib, root, signal }: NewDisk): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    await formatExt4({
      path: temporary,
      sizeBytes: sizeMib * MIB,
      tree: { root },
      mode: 'upper',
      ...(signal === undefined ? {} : { signal }),
    });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
