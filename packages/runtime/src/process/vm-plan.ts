import {
  type DiskFormat,
  type GuestBootstrap,
  InvalidConfigError,
  type LaunchConfig,
  MicrosandboxError,
  type VmDisk,
} from '@microsandbox/types';
import type { MachineSettings } from './machine-settings.ts';
import type { GuestNetworkSettings } from './network/guest-settings.ts';

type Machine = Pick<MachineSettings, 'rootfs' | 'mounts' | 'disks' | 'vsock'>;

/** Shared folders of a sandbox: its root, when that is one, and its mounts. Each needs a port. */
export function countShares({ rootfs, mounts }: Pick<Machine, 'rootfs' | 'mounts'>): number {
  return (rootfs.path ? 1 : 0) + mounts.length;
}

/**
 * Disks of a sandbox in the order the guest sees them: root, upper, data disks (spec: runtime A1, A3).
 *
 * @throws MicrosandboxError `unsupported` for vsock routes
 * @throws InvalidConfigError for a disk spec that is none
 */
export function planDisks(launch: Machine): VmDisk[] {
  if (launch.vsock.length > 0) {
    throw new MicrosandboxError('unsupported', 'vsock routes need a monitor with a vsock device of its own');
  }
  if (launch.rootfs.path) return launch.disks.map(parseDiskSpec);
  const { disk, disk_format, disk_readonly, upper, upper_format } = launch.rootfs;
  if (!disk) throw new InvalidConfigError('invalid config: the launch configuration names no root disk');
  // A VMDK root is an image from the cache: never written, whatever the flag says.
  const readOnly = disk_readonly || disk_format === 'vmdk';
  const disks = [diskOf('root', disk, disk_format ?? 'raw', readOnly)];
  if (upper) disks.push(diskOf('upper', upper, upper_format ?? 'raw', false));
  return [...disks, ...launch.disks.map(parseDiskSpec)];
}

/** The bootstrap as it goes to the guest: with what the launcher left to the sandbox process (protocol 8.1). */
export function completeBootstrap(
  { bootstrap, rootfs }: Pick<LaunchConfig, 'bootstrap' | 'rootfs'>,
  network?: GuestNetworkSettings,
): GuestBootstrap {
  const { default_env = [], ...settings } = network ?? {};
  const env = [...(bootstrap.default_env ?? []), ...default_env];
  const complete = { ...bootstrap, ...settings, ...(env.length > 0 && { default_env: env }) };
  if (bootstrap.block_root !== undefined || rootfs.disk_format === 'vmdk' || rootfs.path) return complete;
  return { ...complete, block_root: { kind: 'disk-image', device: '/dev/vda' } };
}

/** `id:host:format[:ro]`; the host path may contain colons (spec: runtime A1). */
export function parseDiskSpec(spec: string): VmDisk {
  const readOnly = spec.endsWith(':ro');
  const body = readOnly ? spec.slice(0, -':ro'.length) : spec;
  const first = body.indexOf(':');
  const last = body.lastIndexOf(':');
  if (first <= 0 || last === first) throw new InvalidConfigError(`invalid config: disk spec "${spec}"`);
  return diskOf(body.slice(0, first), body.slice(first + 1, last), body.slice(last + 1), readOnly);
}

function diskOf(id: string, path: string, format: string, readOnly: boolean): VmDisk {
  return {
    id,
    path,
    format: diskFormat(format),
    readOnly,
    // Nothing is ever flushed to a disk that is not written.
    sync: readOnly ? 'none' : 'full',
  };
}

function diskFormat(name: string): DiskFormat {
  const format = name.toLowerCase();
  if (format === 'raw' || format === 'qcow2' || format === 'vmdk') return format;
  throw new InvalidConfigError(`disk format: unknown disk image format: ${name}`);
}
