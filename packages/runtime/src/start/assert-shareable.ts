import { type LaunchConfig, UnsupportedError } from '@microsandbox/types';
import { parseMountSpec } from '@microsandbox/utils';
import { canShare } from '../vmm/can-share.ts';

/**
 * Refuses shared folders on a host that has no server for them, before anything is started.
 *
 * @throws UnsupportedError that names the first of them
 */
export function assertShareable(
  { rootfs, mounts }: Pick<LaunchConfig, 'rootfs' | 'mounts'>,
  platform: NodeJS.Platform,
): void {
  if (canShare(platform)) return;
  const path = rootfs.path || mounts.map(parseMountSpec)[0]?.hostPath;
  if (!path) return;
  throw new UnsupportedError(
    `${path} cannot be shared: shared folders need a Linux host, this is ${platform}`,
    {
      hint: 'put the files into the image, copy them (msb cp), or use a volume that is a disk (msb volume create --kind disk)',
    },
  );
}
