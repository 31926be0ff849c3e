import { volumeByName } from '@microsandbox/db';
import { guestPathOf, isNamed, mountOptionsOf, type StoredMount } from '../config/mounts.ts';
import type { SandboxTarget } from '../lifecycle/sandbox-place.ts';
import { volumeNotFound } from './remove-volume.ts';
import { volumePlace } from './volume-place.ts';

/**
 * The mounts of a sandbox with its named volumes as what they are on the host: folders or disks.
 *
 * @throws VolumeNotFoundError
 */
export async function resolveVolumes(
  { backend, layout }: Pick<SandboxTarget, 'backend' | 'layout'>,
  mounts: readonly StoredMount[],
): Promise<StoredMount[]> {
  if (!mounts.some(isNamed)) return [...mounts];
  const catalog = await backend.catalog();
  return await Promise.all(
    mounts.map(async (mount): Promise<StoredMount> => {
      if (!isNamed(mount)) return mount;
      const row = await catalog.read((db) => volumeByName(db, mount.name));
      if (row === null) throw volumeNotFound(mount.name);
      const { dir, disk } = volumePlace(layout, mount.name);
      if (row.kind !== 'disk') return { ...mount, host: dir, quota_mib: row.quota_mib };
      return {
        type: 'DiskImage',
        host: disk,
        guest: guestPathOf(mount),
        format: 'Raw',
        fstype: row.disk_fstype ?? 'ext4',
        options: mountOptionsOf(mount),
      };
    }),
  );
}
