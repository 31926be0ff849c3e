import { createDirectory } from '../tree/nodes.ts';
import { formatNewDisk } from './format-new-disk.ts';

export interface DataDiskOptions {
  /** Where the disk goes; an existing file is replaced. */
  readonly path: string;
  /** Size in MiB, at least 8. */
  readonly sizeMib: number;
  readonly signal?: AbortSignal;
}

/**
 * Makes an empty ext4 disk, as a volume that is mounted somewhere in a guest. It appears under its name when it is
 * complete.
 *
 * @throws {InvalidConfigError} when the size cannot hold a file system.
 */
export async function createDataDisk({ path, sizeMib, signal }: DataDiskOptions): Promise<void> {
  await formatNewDisk({ path, sizeMib, root: createDirectory(), signal });
}
