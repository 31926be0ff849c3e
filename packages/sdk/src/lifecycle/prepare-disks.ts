import { mkdir } from 'node:fs/promises';
import type { PulledImage } from '@microsandbox/image';
import { CustomError, type RootDisk, type SandboxConfigRecord } from '@microsandbox/types';
import { pathExists } from '@microsandbox/utils';
import { invalidConfig } from '../config/invalid-config.ts';
import type { SandboxPlace } from './sandbox-place.ts';

const DEFAULT_UPPER_MIB = 4096;

export interface DiskSource {
  /** What the disks are made of; null for a sandbox that has been made before, whose disks must be there. */
  readonly image: PulledImage | null;
  readonly signal?: AbortSignal | undefined;
}

/** Makes the sandbox's folder and what it writes to, unless that is there (spec: state 11, step 5). */
export async function prepareDisks(
  place: SandboxPlace,
  config: SandboxConfigRecord,
  source: DiskSource,
): Promise<void> {
  await mkdir(place.layout.sandboxesDir, { recursive: true, mode: 0o700 });
  await mkdir(place.paths.dir, { recursive: true, mode: 0o700 });
  if (!('Oci' in config.image)) return;
  const root = config.image.Oci.root_disk ?? { kind: 'managed' };
  switch (root.kind) {
    case 'managed':
      return prepareUpper(place, config, root.size_mib ?? DEFAULT_UPPER_MIB, source);
    case 'flat':
      return prepareFlat(place, root, source);
    case 'disk-image':
      if (!(await pathExists(root.path))) throw invalidConfig(`root disk image not found: ${root.path}`);
  }
}

/** The writable layer, with the patches in it (spec: image 16). */
async function prepareUpper(
  { name, paths }: SandboxPlace,
  { patches }: SandboxConfigRecord,
  sizeMib: number,
  { image, signal }: DiskSource,
): Promise<void> {
  if (await pathExists(paths.upperDisk)) return;
  const { buildPatchTree, createUpperDisk, parseStoredPatches } = await import('@microsandbox/image');
  const options = { path: paths.upperDisk, sizeMib, ...(signal && { signal }) };
  if (patches.length === 0) return createUpperDisk(options);
  if (image === null) throw lostDisk(name, paths.upperDisk);
  const tree = await buildPatchTree({
    patches: parseStoredPatches(patches),
    layerPaths: image.layerPaths,
    ...(signal && { signal }),
  });
  await createUpperDisk({ ...options, tree });
}

/** The sandbox's own copy of the whole image (spec: image 15). */
async function prepareFlat(
  { name, paths }: SandboxPlace,
  root: Extract<RootDisk, { kind: 'flat' }>,
  { image, signal }: DiskSource,
): Promise<void> {
  if (await pathExists(paths.flatDisk)) return;
  const flat = image?.flat ?? null;
  if (flat === null) throw lostDisk(name, paths.flatDisk);
  const { createFlatDisk } = await import('@microsandbox/image');
  await createFlatDisk({
    imagePath: flat.path,
    path: paths.flatDisk,
    sizeMib: root.size_mib,
    clone: root.clone,
    signal,
  });
}

function lostDisk(name: string, path: string): CustomError {
  return new CustomError(`sandbox '${name}' cannot start: its disk is missing: ${path}`, {
    hint: `what it had written is gone; remove the record: msb rm ${name}`,
  });
}
