import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mustRun } from '@microsandbox/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { patchFolder } from '../src/patch/patch-folder.ts';
import type { RootfsPatch } from '../src/patch/rootfs-patch.ts';

let place: string;
let folder: string;
beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'msb-patch-folder-'));
  folder = join(place, 'root');
  await mkdir(join(folder, 'etc'), { recursive: true });
  await writeFile(join(folder, 'etc/passwd'), 'root\n');
});
afterEach(() => rm(place, { recursive: true, force: true }));

const apply = (...patches: RootfsPatch[]) => patchFolder({ folder, patches });
const at = (path: string) => join(folder, path);
const modeOf = async (path: string) => ((await lstat(at(path))).mode & 0o7777).toString(8);
const text = (path: string, content = 'x', more = {}): RootfsPatch => ({
  kind: 'text',
  path,
  content,
  ...more,
});

/** Something outside of the root that no patch may touch. */
async function outside(): Promise<string> {
  const path = join(place, 'outside');
  await mkdir(path);
  await writeFile(join(path, 'kept'), 'kept');
  return path;
}

describe('patches of a folder', () => {
  it('make files, links and folders with the modes that were asked for', async () => {
    const before = process.umask(0o077);
    try {
      await apply(
        text('/etc/motd', 'hello\n'),
        { kind: 'file', path: '/a/b/bytes', content: Buffer.from([0, 255]), mode: 0o4755 },
        { kind: 'symlink', target: '/etc/motd', link: '/a/link' },
        { kind: 'mkdir', path: '/var/empty', mode: 0o700 },
        { kind: 'mkdir', path: '/var/open', mode: 0o777 },
        { kind: 'append', path: '/etc/passwd', content: 'me\n' },
      );
    } finally {
      process.umask(before);
    }
    expect(await readFile(at('etc/motd'), 'utf8')).toBe('hello\n');
    expect([...(await readFile(at('a/b/bytes')))]).toEqual([0, 255]);
    expect(await readlink(at('a/link'))).toBe('/etc/motd');
    expect(await readFile(at('etc/passwd'), 'utf8')).toBe('root\nme\n');
    const modes = ['etc/motd', 'a', 'a/b', 'a/b/bytes', 'var/empty', 'var/open'].map(modeOf);
    // No program of the host's user gets the right to run as that user.
    expect(await Promise.all(modes)).toEqual(['644', '755', '755', '755', '700', '777']);
  });

  it('copy files and folders of the host', async () => {
    const source = join(place, 'source');
    await mkdir(join(source, 'sub'), { recursive: true });
    await writeFile(join(source, 'sub/tool'), 'tool', { mode: 0o755 });
    await writeFile(join(source, 'zero'), 'z');
    await chmod(join(source, 'zero'), 0);
    await symlink('tool', join(source, 'sub/alias'));
    await chmod(join(source, 'sub'), 0o555);
    await apply(
      { kind: 'copyFile', src: join(source, 'sub/tool'), dst: '/bin/tool' },
      { kind: 'copyFile', src: join(source, 'sub/tool'), dst: '/bin/plain', mode: 0o600 },
      ...(process.getuid?.() === 0
        ? [{ kind: 'copyFile', src: join(source, 'zero'), dst: '/zero' } as const]
        : []),
      { kind: 'copyDir', src: join(source, 'sub'), dst: '/srv/copy' },
    );
    await chmod(join(source, 'sub'), 0o755);
    expect(await modeOf('bin/tool')).toBe('755');
    expect(await modeOf('bin/plain')).toBe('600');
    if (process.getuid?.() === 0) expect(await modeOf('zero')).toBe('644');
    expect(await modeOf('srv/copy')).toBe('555');
    expect(await readlink(at('srv/copy/alias'))).toBe('tool');
    expect(await readFile(at('srv/copy/tool'), 'utf8')).toBe('tool');
    await chmod(at('srv/copy'), 0o755);
  });

  it('replace what is there only when asked to, and links rather than what they lead to', async () => {
    await expect(apply(text('/etc/passwd'))).rejects.toThrow(
      "patch failed: path already exists in rootfs: '/etc/passwd' (set replace to allow)",
    );
    const kept = join(await outside(), 'kept');
    await symlink(kept, at('etc/link'));
    await apply(text('/etc/link', 'mine', { replace: true }), text('/etc/passwd', 'new', { replace: true }));
    expect(await readFile(kept, 'utf8')).toBe('kept');
    expect(await readFile(at('etc/link'), 'utf8')).toBe('mine');
    expect(await readFile(at('etc/passwd'), 'utf8')).toBe('new');
    await expect(apply(text('/etc', 'x', { replace: true }))).rejects.toThrow('entry already exists: "etc"');
  });

  it('remove trees, but nothing that a link leads to', async () => {
    const gone = await outside();
    await mkdir(at('tree/deep'), { recursive: true });
    await symlink(gone, at('tree/deep/link'));
    await apply({ kind: 'remove', path: '/tree' }, { kind: 'remove', path: '/not/there' });
    expect(await readdir(folder)).toEqual(['etc']);
    expect(await readdir(gone)).toEqual(['kept']);
  });

  it.each<[string, (path: string) => RootfsPatch]>([
    ['text', (path) => text(path)],
    ['mkdir', (path) => ({ kind: 'mkdir', path })],
    ['remove', (path) => ({ kind: 'remove', path })],
    ['append', (path) => ({ kind: 'append', path, content: 'x' })],
    ['symlink', (link) => ({ kind: 'symlink', target: 'x', link })],
    ['copyFile', (dst) => ({ kind: 'copyFile', src: '/etc/hostname', dst })],
    ['copyDir', (dst) => ({ kind: 'copyDir', src: place, dst })],
  ])('never leave the folder by a link: %s', async (_, patch) => {
    const out = await outside();
    await symlink(out, at('link'));
    await expect(apply(patch('/link/kept'))).rejects.toThrow(
      "patch failed: patch path parent is not a directory: '/link'",
    );
    await expect(apply(patch('/../outside/kept'))).rejects.toThrow('patch path escapes rootfs');
    expect(await readdir(out)).toEqual(['kept']);
    expect(await readFile(join(out, 'kept'), 'utf8')).toBe('kept');
  });

  it('explain what they cannot do', async () => {
    await mustRun('mkfifo', [at('pipe')]);
    await symlink('passwd', at('etc/alias'));
    const cases: [RootfsPatch, string][] = [
      [
        { kind: 'append', path: '/no/file', content: '' },
        "cannot append to '/no/file': file not found in rootfs",
      ],
      [{ kind: 'append', path: '/none', content: '' }, "cannot append to '/none': file not found in rootfs"],
      [{ kind: 'append', path: '/pipe', content: '' }, 'target is not a regular file'],
      [{ kind: 'append', path: '/etc', content: '' }, 'target is not a regular file'],
      [{ kind: 'append', path: '/etc/alias', content: '' }, 'target is not a regular file'],
      [
        { kind: 'mkdir', path: '/pipe' },
        "cannot create directory at '/pipe': path exists and is not a directory",
      ],
      [text('/etc/passwd/x'), "patch path parent is not a directory: '/etc/passwd'"],
      [{ kind: 'copyFile', src: at('pipe'), dst: '/x' }, 'patch source is not a regular file'],
      [{ kind: 'copyFile', src: at('none'), dst: '/x' }, `cannot read ${at('none')}`],
      [{ kind: 'copyDir', src: folder, dst: '/../x' }, 'patch path escapes rootfs'],
      [{ kind: 'symlink', target: '', link: '/x' }, 'invalid symlink target'],
    ];
    for (const [patch, message] of cases) await expect(apply(patch), message).rejects.toThrow(message);
    await expect(patchFolder({ folder: at('none'), patches: [text('/x')] })).rejects.toThrow(
      /^patch failed: /,
    );
  });
});
