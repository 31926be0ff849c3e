import { randomBytes } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { createDirectory, type LayerTree } from '../tree/nodes.ts';
import { formatExt4 } from './format-ext4.ts';

const MIB = 1024 * 1024;

export interface UpperDiskOptions {
  /** Where the disk goes; an existing file is replaced. */
  readonly path: string;
  /** Size in MiB, at least 8. */
  readonly sizeMib: number;
  /** What the writable layer holds from the start, as {@link buildPatchTree} gives it; nothing when absent. */
  readonly tree?: LayerTree;
  readonly signal?: AbortSignal;
}

/**
 * Makes the disk for the writable layer of a sandbox: ext4 with the folders `upper` and `work` that overlayfs needs.
 * It appears under its name when it is complete.
 *
 * @throws {InvalidConfigError} when the size cannot hold it.
 */
export async function createUpperDisk(options: UpperDiskOptions): Promise<void> {
  const { path, sizeMib, tree, signal } = options;
  const root = createDirectory();
  root.children.set('upper', tree?.root ?? createDirectory());
  root.children.set('work', createDirectory());
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
