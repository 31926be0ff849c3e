import { rm } from 'node:fs/promises';
import { deleteVolume, sandboxesWithMachine, volumeByName } from '@microsandbox/db';
import { VolumeNotFoundError } from '@microsandbox/types';
import { errnoOf, tryFileLock } from '@microsandbox/utils';
import type { LocalBackend } from '../backend/local-backend.ts';
import { invalidConfig } from '../config/invalid-config.ts';
import { lockVolume, volumePlace } from './volume-place.ts';
import { assertVolumeName } from './volume-spec.ts';

/**
 * Removes a volume with everything in it, unless a sandbox has it mounted.
 *
 * @throws VolumeNotFoundError
 * @throws InvalidConfigError while it is in use
 */
export async function removeVolume(backend: LocalBackend, name: string): Promise<void> {
  assertVolumeName(name);
  const layout = await backend.layout();
  // Somebody who only mistyped a name must not make a home.
  if ((await backend.reading((catalog) => catalog.read((db) => volumeByName(db, name)))) === null) {
    throw volumeNotFound(name);
  }
  await using _lock = await lockVolume(layout, name);
  const catalog = await backend.catalog();
  const { row, sandboxes } = await catalog.read((db) => ({
    row: volumeByName(db, name),
    sandboxes: sandboxesWithMachine(db),
  }));
  if (row === null) throw volumeNotFound(name);
  const { dir, disk } = volumePlace(layout, name);
  if (row.kind === 'disk' && !(await isFree(disk))) {
    throw invalidConfig(`volume "${name}" is currently attached by a running sandbox`);
  }
  const user = sandboxes.find(({ config, active_config }) => mounts(active_config ?? config, name));
  if (user !== undefined)
    throw invalidConfig(`volume "${name}" is attached to active sandbox "${user.name}"`);
  await catalog.write((db) => deleteVolume(db, name));
  await rm(dir, { recursive: true, force: true });
}

export function volumeNotFound(name: string): VolumeNotFoundError {
  return new VolumeNotFoundError(`volume not found: ${name}`, { hint: 'msb volume ls shows what there is' });
}

/** Whether no machine has the disk open; each holds a lock on it. */
async function isFree(disk: string): Promise<boolean> {
  try {
    const lock = await tryFileLock(disk);
    await lock?.release();
    return lock !== null;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return true;
    throw error;
  }
}

/** Whether a stored configuration mounts a volume; one that cannot be read does not run either. */
function mounts(configJson: string, name: string): boolean {
  try {
    const { mounts: stored } = JSON.parse(configJson) as { mounts?: unknown };
    if (!Array.isArray(stored)) return false;
    return stored.some((mount: { type?: unknown; name?: unknown }) => {
      return mount.type === 'Named' && mount.name === name;
    });
  } catch {
    return false;
  }
}
