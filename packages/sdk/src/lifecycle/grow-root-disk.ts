import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { SandboxConfigRecord } from '@microsandbox/types';
import { errnoOf, sparseCopy, syncDirectory } from '@microsandbox/utils';
import type { SandboxPlace } from './sandbox-place.ts';

const MIB = 1024 * 1024;
/** A last piece that is too small for its own metadata is left out of a file system. */
const UNUSABLE_BYTES = 3 * MIB;

/**
 * Makes a stopped sandbox's own disk as large as its configuration says; a disk that is so large already, or is not
 * made yet, is left alone. What grows is a copy, which then takes the disk's place: whatever cuts it short leaves
 * the disk as it was, and the next start or modification does it again. The copy shares its blocks with the disk
 * where the host's file system can, else needs room for what is stored in it. The caller holds the lifecycle lock.
 *
 * @throws InvalidConfigError when only a new disk could be so large
 * @throws ImageError when the disk is damaged
 */
export async function growRootDisk(
  { paths }: SandboxPlace,
  { image }: Pick<SandboxConfigRecord, 'image'>,
  signal?: AbortSignal,
): Promise<void> {
  const root = 'Oci' in image ? image.Oci.root_disk : undefined;
  if (root === undefined || (root.kind !== 'managed' && root.kind !== 'flat')) return;
  const sizeMib = root.size_mib;
  if (sizeMib === undefined) return;
  const path = root.kind === 'flat' ? paths.flatDisk : paths.upperDisk;
  const size = await sizeOf(path);
  if (size === null || size + UNUSABLE_BYTES >= sizeMib * MIB) return;
  const copy = `${path}.growing`;
  await rm(copy, { force: true });
  try {
    await sparseCopy(path, copy);
    const { growFlatDisk, growUpperDisk } = await import('@microsandbox/image');
    const grow = root.kind === 'flat' ? growFlatDisk : growUpperDisk;
    await grow({ path: copy, sizeMib, signal });
    await sync(copy);
    await rename(copy, path);
  } catch (error) {
    await rm(copy, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}

async function sync(path: string): Promise<void> {
  await using file = await open(path, 'r+');
  await file.sync();
}
