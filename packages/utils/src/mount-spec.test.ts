import { describe, expect, it } from 'vitest';
import { formatMountSpec, type MountSpec, parseMountSpec } from './mount-spec.ts';

const plain: MountSpec = {
  tag: 'data_1',
  hostPath: '/srv/data',
  readonly: false,
  noexec: false,
  nosuid: false,
  nodev: false,
  statVirt: 'strict',
  hostPerms: 'private',
  followRootSymlinks: false,
  quotaMib: null,
};

describe('mount spec', () => {
  it.each<[string, Partial<MountSpec>]>([
    ['data_1:/srv/data', {}],
    ['data_1:/srv/data:ro,noexec', { readonly: true, noexec: true }],
    [
      'data_1:/srv/data:nosuid,nodev,stat-virt=relaxed,host-perms=mirror,follow-root-symlinks,quota=4096',
      {
        nosuid: true,
        nodev: true,
        statVirt: 'relaxed',
        hostPerms: 'mirror',
        followRootSymlinks: true,
        quotaMib: 4096,
      },
    ],
    ['data_1:/srv/a:b:rw', { hostPath: '/srv/a:b' }],
  ])('%s', (text, changes) => {
    const mount = { ...plain, ...changes };
    expect(formatMountSpec(mount)).toBe(text);
    expect(parseMountSpec(text)).toEqual(mount);
  });

  it('takes spaces, empty options and an explicit rw', () => {
    expect(parseMountSpec('data_1:/srv/data: rw , ,')).toEqual(plain);
  });

  it.each([
    ['x', 'expected tag:host_path[:opts] shape, got "x"'],
    [':/a', 'empty tag in mount spec'],
    ['t:', 'empty host path in mount spec'],
    ['t:/a,ro', 'mount options must use tag:host_path:opts syntax, got comma in host path "/a,ro"'],
    ['t:/a:ro,rw', 'mount option `ro`/`rw` specified more than once'],
    ['t:/a:quota=1,quota=2', 'mount option `quota` specified more than once'],
    ['t:/a:suid', 'unsupported mount option "suid"'],
    ['t:/a:shiny', 'expected flag or key=value option, got "shiny"'],
    ['t:/a:shiny=1', 'unknown mount option "shiny"'],
    ['t:/a:toString=1', 'unknown mount option "toString"'],
    ['t:/a:quota=-1', 'invalid mount option "quota=-1"'],
  ])('refuses %s', (text, reason) => {
    expect(() => parseMountSpec(text)).toThrow(`invalid config: ${reason}`);
  });
});
