import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkMountSource, type MountContext, parseMount } from './mount.ts';

const file = fileURLToPath(import.meta.url);

describe('parseMount', () => {
  it('splits at the first colon before a slash and reads the options', () => {
    expect(parseMount('volume', './a:b:/data')).toEqual({
      source: './a:b',
      isPath: true,
      guest: '/data',
      flags: new Set(),
      followRootSymlinks: false,
    });
    expect(
      parseMount(
        'mount-dir',
        'a:/b: ro,,noexec,follow-root-symlinks,stat-virt=off,host-perms=private,quota=2G',
      ),
    ).toEqual({
      source: 'a',
      isPath: true,
      guest: '/b',
      flags: new Set(['readonly', 'noexec']),
      followRootSymlinks: true,
      statVirt: 'off',
      hostPerms: 'private',
      quotaMib: 2048,
    });
  });

  it.each([
    ['.', true],
    ['/a', true],
    ['../a', true],
    ['a', false],
    ['.a', false],
  ])('takes %s for a path: %s', (source, isPath) => {
    expect(parseMount('volume', `${source}:/g`)).toMatchObject({ source, isPath });
  });

  it('reads named volumes and disks', () => {
    expect(parseMount('mount-named', 'db:/var/db:kind=disk,size=2G,ro')).toMatchObject({
      source: 'db',
      isPath: false,
      kind: 'disk',
      sizeMib: 2048,
      flags: new Set(['readonly']),
    });
    expect(parseMount('mount-named', 'cache:/c:kind=directory,quota=64M')).toMatchObject({
      kind: 'dir',
      quotaMib: 64,
    });
    expect(parseMount('mount-disk', 'a.img:/d:format=raw,fstype=xfs')).toMatchObject({
      source: 'a.img',
      isPath: true,
      format: 'raw',
      fstype: 'xfs',
    });
  });

  it.each<[MountContext, string, string]>([
    ['mount-named', './a:/b', 'mount-named source must be a volume name, not a host path: ./a'],
    ['mount-named', 'a:/b:size=1G', 'mount-named option `size` requires kind=disk'],
    ['mount-named', 'a:/b:kind=disk', 'mount-named kind=disk requires size=...'],
    ['mount-named', 'a:/b:kind=disk,size=1,quota=1', 'mount-named kind=disk does not support quota=...'],
    [
      'mount-named',
      'a:/b:kind=disk,size=1,stat-virt=off',
      'mount-named kind=disk does not support stat-virt=... or host-perms=...',
    ],
    ['mount-named', 'a:/b:kind=tape', 'invalid named volume kind "tape" (expected dir|disk)'],
    ['mount-named', 'a:/b:fstype=ext4', 'mount option `fstype` is not valid here'],
    ['mount-disk', 'a:/b:quota=1', 'mount option `quota` is not valid here'],
    ['mount-disk', 'a:/b:follow-root-symlinks', 'mount option `follow-root-symlinks` is not valid here'],
    ['mount-disk', 'a:/b:format=iso', 'invalid disk image format "iso": unknown disk image format: iso'],
    ['mount-disk', 'a:/b:fstype=', 'mount option `fstype` must not be empty'],
    ['mount-disk', 'a:/b:fstype=a;b', "mount option `fstype` must not contain ',', ';', ':', or '='"],
    ['volume', 'a', 'volume must be in format source:/guest[:options]'],
    ['mount-dir', ':/a', 'mount-dir source must not be empty'],
    ['volume', 'a:/b,ro', 'volume options must use source:guest:options syntax, for example SRC:DST:OPTS'],
    ['volume', 'a:/b:ro,rw', 'mount option `ro`/`rw` specified more than once'],
    ['volume', 'a:/b:quota=1,quota=2', 'mount option `quota` specified more than once'],
    ['volume', 'a:/b:suid', 'unsupported mount option "suid"'],
    ['volume', 'a:/b:shiny', 'mount option "shiny" must be a flag or key=value'],
    ['volume', 'a:/b:shiny=1', 'unknown mount option "shiny"'],
    ['volume', 'a:/b:size=1', 'mount option `size` is not valid here'],
    ['mount-file', 'a:/b:quota=1', 'mount option `quota` is not valid here'],
    ['volume', 'a:/b:stat-virt=x', 'invalid stat-virt "x" (expected strict|relaxed|off)'],
    ['volume', 'a:/b:host-perms=x', 'invalid host-perms "x" (expected private|mirror)'],
  ])('%s refuses %s', (context, text, message) => {
    expect(() => parseMount(context, text)).toThrow(expect.objectContaining({ message }));
  });
});

describe('checkMountSource', () => {
  const check = (context: MountContext, source: string) =>
    checkMountSource(context, parseMount(context, `${source}:/g`));

  it('wants what the option names', async () => {
    await check('mount-dir', tmpdir());
    await check('mount-file', file);
    await expect(check('mount-dir', file)).rejects.toThrow(`mount-dir source is not a directory: ${file}`);
    await expect(check('mount-file', tmpdir())).rejects.toThrow('mount-file source is not a regular file');
    await expect(check('mount-file', '/none')).rejects.toThrow(/^mount-file source "\/none": ENOENT/);
  });
});
