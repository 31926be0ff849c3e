import { createDirectory, type LayerTree } from '../tree/nodes.ts';
import { formatNewDisk } from './format-new-disk.ts';

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
export async function createUpperDisk({ path, sizeMib, tree, signal }: UpperDiskOptions): Promise<void> {
  const root = createDirectory();
  root.children.set('upper', tree?.root ?? createDirectory());
  root.children.set('work', createDirectory());
  await formatNewDisk({ path, sizeMib, root, signal });
}
