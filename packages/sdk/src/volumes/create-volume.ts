import { randomBytes } from 'node:crypto';
import { lstat, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { insertVolume, type NewVolume, volumeByName } from '@microsandbox/db';
import { VolumeAlreadyExistsError } from '@microsandbox/types';
import type { LocalBackend } from '../backend/local-backend.ts';
import { lockVolume, type VolumePlace, volumePlace } from './volume-place.ts';
import { assertVolumeSpec, type VolumeSpec } from './volume-spec.ts';

const MIB = 1024 * 1024;

/**
 * Makes a volume. It is there whole or not at all.
 *
 * @throws InvalidConfigError
 * @throws VolumeAlreadyExistsError
 */
export async function createVolume(backend: LocalBackend, spec: VolumeSpec): Promise<VolumePlace> {
  assertVolumeSpec(spec);
  const layout = await backend.layout();
  await using _lock = await lockVolume(layout, spec.name);
  return await createLockedVolume(backend, spec);
}

/** The same by whoever holds the lock of the name already. */
export async function createLockedVolume(backend: LocalBackend, spec: VolumeSpec): Promise<VolumePlace> {
  const layout = await backend.layout();
  const catalog = await backend.catalog();
  const place = volumePlace(layout, spec.name);
  const known = await catalog.read((db) => volumeByName(db, spec.name));
  if (known !== null || (await exists(place.dir))) throw volumeAlreadyExists(spec.name);
  const building = join(layout.volumesDir, `.${spec.name}.${randomBytes(4).toString('hex')}`);
  try {
    await mkdir(building, { mode: 0o700 });
    if (spec.kind === 'disk') {
      const { createDataDisk } = await import('@microsandbox/image');
      await createDataDisk({ path: join(building, 'disk.raw'), sizeMib: spec.capacityMib ?? 0 });
    }
    await rename(building, place.dir);
  } catch (error) {
    await rm(building, { recursive: true, force: true });
    throw error;
  }
  try {
    await catalog.write((db) => insertVolume(db, rowOf(spec)));
  } catch (error) {
    await rm(place.dir, { recursive: true, force: true });
    throw error;
  }
  return place;
}

export function volumeAlreadyExists(name: string): VolumeAlreadyExistsError {
  return new VolumeAlreadyExistsError(`volume already exists: ${name}`, {
    hint: `use it, or remove it: msb volume rm ${name}`,
  });
}

function rowOf({ name, kind, quotaMib, capacityMib, labels }: VolumeSpec): NewVolume {
  return {
    name,
    kind,
    quotaMib: quotaMib ?? null,
    capacityBytes: capacityMib === undefined ? null : capacityMib * MIB,
    labels: Object.entries(labels),
  };
}

function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
