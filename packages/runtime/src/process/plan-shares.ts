import type { ShareOptions } from '@microsandbox/native';
import { InvalidConfigError, type LaunchConfig } from '@microsandbox/types';
import { type MountSpec, parseMountSpec } from '@microsandbox/utils';
import { sharePort } from '../vmm/guest-setup.ts';

/** One shared folder and the console port it is served on. */
export interface PlannedShare {
  readonly port: string;
  /** Name in the guest's mount table and in our messages. */
  readonly tag: string;
  readonly options: Omit<ShareOptions, 'fd'>;
}

const MIB = 1024 * 1024;

/**
 * Shared folders of a sandbox in the order of their ports: the root, folders, files. The agent counts them alike
 * (`crates/agentd/src/share`).
 *
 * @throws InvalidConfigError for a mount that only one side knows of
 */
export function planShares(launch: Pick<LaunchConfig, 'rootfs' | 'mounts' | 'bootstrap'>): PlannedShare[] {
  const { rootfs, bootstrap } = launch;
  const mounts = new Map(launch.mounts.map(parseMountSpec).map((mount) => [mount.tag, mount]));
  const { dir_mounts = [], file_mounts = [] } = bootstrap;
  const wanted = [...dir_mounts.map(({ tag }) => ({ tag, file: undefined })), ...file_mounts.map(fileOf)];
  if (wanted.length !== launch.mounts.length || mounts.size !== wanted.length) {
    throw new InvalidConfigError('invalid config: the guest and the launch configuration differ in mounts');
  }
  const shares = wanted.map(({ tag, file }) => {
    const mount = mounts.get(tag);
    if (mount === undefined) throw new InvalidConfigError(`invalid config: no mount has the tag ${tag}`);
    return { tag, options: { ...optionsOf(mount), ...(file !== undefined && { file }) } };
  });
  const root = rootfs.path ? [rootShare(rootfs.path, rootfs.follow_root_symlinks)] : [];
  return [...root, ...shares].map((share, index) => ({ ...share, port: sharePort(index) }));
}

type FileMount = NonNullable<LaunchConfig['bootstrap']['file_mounts']>[number];

function fileOf({ tag, filename }: FileMount): { readonly tag: string; readonly file: string } {
  return { tag, file: filename };
}

function optionsOf(mount: MountSpec): PlannedShare['options'] {
  return {
    path: mount.hostPath,
    readOnly: mount.readonly,
    statVirt: mount.statVirt,
    hostPerms: mount.hostPerms,
    followRootSymlinks: mount.followRootSymlinks,
    ...(mount.quotaMib !== null && { quotaBytes: mount.quotaMib * MIB }),
  };
}

function rootShare(path: string, followRootSymlinks: boolean): Omit<PlannedShare, 'port'> {
  const options = { path, readOnly: false, statVirt: 'strict', hostPerms: 'private' } as const;
  return { tag: '/dev/root', options: { ...options, followRootSymlinks } };
}
