import { resolve } from 'node:path';
import type { SandboxConfigRecord } from '@microsandbox/types';
import type { StoredMount } from './mounts.ts';
import type { StoredImage } from './rootfs-source.ts';

/**
 * A configuration whose folders and disk images of the host are named by complete paths: monitors run elsewhere, and
 * a sandbox may be started again from another folder.
 */
export function withAbsolutePaths(config: SandboxConfigRecord): SandboxConfigRecord {
  return { ...config, image: absoluteImage(config.image), mounts: config.mounts.map(absoluteMount) };
}

function absoluteImage(image: StoredImage): StoredImage {
  if ('Bind' in image) return { Bind: { ...image.Bind, path: resolve(image.Bind.path) } };
  if ('DiskImage' in image) return { DiskImage: { ...image.DiskImage, path: resolve(image.DiskImage.path) } };
  const disk = image.Oci.root_disk;
  if (disk?.kind !== 'disk-image') return image;
  return { Oci: { ...image.Oci, root_disk: { ...disk, path: resolve(disk.path) } } };
}

function absoluteMount(mount: StoredMount): StoredMount {
  const { type, host } = mount as { type: string; host?: unknown };
  return type === 'DiskImage' && typeof host === 'string' ? { ...mount, host: resolve(host) } : mount;
}
