import { UnsupportedError } from '@microsandbox/types';
import { expect, it } from 'vitest';
import { assertShareable } from './assert-shareable.ts';

const rootfs = { path: null, disk: '/i.vmdk', disk_format: 'vmdk', upper: null, upper_format: null } as const;
const disk = { ...rootfs, disk_readonly: true, follow_root_symlinks: false };

it('shared folders are refused where nothing can serve them, with the folder and the way out', () => {
  const refusal = (launch: Parameters<typeof assertShareable>[0]) => {
    try {
      assertShareable(launch, 'darwin');
    } catch (error) {
      return error;
    }
    return null;
  };
  const ofMount = refusal({ rootfs: disk, mounts: ['data_1:/srv/data:ro'] });
  expect(ofMount).toBeInstanceOf(UnsupportedError);
  expect(ofMount).toMatchObject({
    code: 'unsupported',
    message: '/srv/data cannot be shared: shared folders need a Linux host, this is darwin',
    hint: expect.stringMatching(/msb cp.*--kind disk/),
  });
  expect(refusal({ rootfs: { ...disk, disk: null, path: '/srv/root' }, mounts: [] })).toMatchObject({
    message: expect.stringMatching(/^\/srv\/root cannot be shared/),
  });
  expect(refusal({ rootfs: disk, mounts: [] })).toBeNull();
  expect(() => assertShareable({ rootfs: disk, mounts: ['data_1:/srv/data'] }, 'linux')).not.toThrow();
});
