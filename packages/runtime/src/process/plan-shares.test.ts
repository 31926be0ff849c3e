import { launchConfigSchema } from '@microsandbox/types';
import { describe, expect, it } from 'vitest';
import { planShares } from './plan-shares.ts';

const minimal = {
  rootfs: { disk: '/d', disk_format: 'raw', disk_readonly: false },
  mounts: [] as string[],
  bootstrap: {},
};
const launch = (changes: object) => {
  const { rootfs, mounts, bootstrap } = launchConfigSchema.shape;
  const merged = { ...minimal, ...changes };
  return {
    rootfs: rootfs.parse(merged.rootfs),
    mounts: mounts.parse(merged.mounts),
    bootstrap: bootstrap.parse(merged.bootstrap),
  };
};

describe('planShares', () => {
  it('counts the root, then folders, then files, whatever the order of the mounts', () => {
    const shares = planShares(
      launch({
        rootfs: { path: '/root', follow_root_symlinks: true, disk_readonly: false },
        mounts: ['fm_1:/etc:ro', 'data:/srv:stat-virt=relaxed,host-perms=mirror,quota=2'],
        bootstrap: {
          dir_mounts: [{ tag: 'data', guest_path: '/data' }],
          file_mounts: [{ tag: 'fm_1', filename: 'hosts', guest_path: '/etc/hosts.host' }],
        },
      }),
    );
    const folder = { readOnly: false, statVirt: 'strict', hostPerms: 'private', followRootSymlinks: false };
    expect(shares).toEqual([
      {
        port: 'fs.0',
        tag: '/dev/root',
        options: { ...folder, path: '/root', followRootSymlinks: true },
      },
      {
        port: 'fs.1',
        tag: 'data',
        options: {
          ...folder,
          path: '/srv',
          statVirt: 'relaxed',
          hostPerms: 'mirror',
          quotaBytes: 2 * 1024 * 1024,
        },
      },
      { port: 'fs.2', tag: 'fm_1', options: { ...folder, path: '/etc', file: 'hosts', readOnly: true } },
    ]);
  });

  it('refuses mounts that the guest does not know, and the other way round', () => {
    expect(() => planShares(launch({ mounts: ['a:/b'] }))).toThrow('differ in mounts');
    const bootstrap = { dir_mounts: [{ tag: 'b', guest_path: '/b' }] };
    expect(() => planShares(launch({ bootstrap }))).toThrow('differ in mounts');
    expect(() => planShares(launch({ mounts: ['a:/b'], bootstrap }))).toThrow('no mount has the tag b');
  });
});
