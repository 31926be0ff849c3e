import { randomUUID } from 'node:crypto';
import { hostFileError } from '../io/host-file-error.ts';
import { openOutput } from '../io/open-output.ts';
import { createDirectory, type LayerTree } from '../tree/nodes.ts';
import { BLOCK_BYTES } from './ext4-format.ts';
import { metadataRegions } from './metadata-regions.ts';
import { planExt4 } from './plan-ext4.ts';
import type { MetadataMode } from './tree-inode.ts';
import { writeFileContents } from './write-file-contents.ts';
import { writeFully } from './write-fully.ts';

export interface FormatExt4Options {
  /** File to make or to overwrite (mode 0600). */
  readonly path: string;
  /** Size of the disk; a multiple of 4096, at least 8 MiB. */
  readonly sizeBytes: number;
  /** Length of the journal in blocks of 4096 bytes: 1024 to 32,768. A quarter of the disk, 4 to 64 MiB, if absent. */
  readonly journalBlocks?: number;
  /** 16 bytes; random if absent. */
  readonly uuid?: Uint8Array;
  /** What the file system holds; nothing if absent. */
  readonly tree?: LayerTree;
  /** `upper`: owned by root, times 0. `rootfs`: owners, modes and times of the tree. */
  readonly mode: MetadataMode;
  readonly signal?: AbortSignal;
}

/** What was made. */
export interface FormattedExt4 {
  /** Length of the file and of the file system: `sizeBytes`, or less where a last piece could not be used. */
  readonly sizeBytes: number;
}

/**
 * Writes an ext4 file system into a sparse file, without mounting anything. What is not used stays a hole: an empty
 * file system of 4 GiB takes about 1.4 MiB. Nothing is synced.
 *
 * @throws {InvalidConfigError} when the size cannot hold it.
 * @throws {ImageError} when the tree cannot be expressed, or the file not written.
 */
export async function formatExt4(options: FormatExt4Options): Promise<FormattedExt4> {
  const { path, sizeBytes, journalBlocks, mode, signal } = options;
  const uuid = options.uuid ?? Buffer.from(randomUUID().replaceAll('-', ''), 'hex');
  const plan = planExt4({ sizeBytes, journalBlocks, root: options.tree?.root ?? createDirectory() });
  const length = plan.geometry.blocks * BLOCK_BYTES;
  const handle = await openOutput(path);
  try {
    await handle.truncate(length).catch((error: unknown) => {
      throw hostFileError('write', path, error);
    });
    for (const { offset, bytes } of metadataRegions(plan, { uuid, mode })) {
      signal?.throwIfAborted();
      await writeFully(handle, path, bytes, offset);
    }
    await writeFileContents(plan, { handle, path }, signal);
  } finally {
    await handle.close();
  }
  return { sizeBytes: length };
}
