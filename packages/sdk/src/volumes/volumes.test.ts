import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { insertSandbox, setActiveConfig, setSandboxStatus } from '@microsandbox/db';
import {
  InvalidConfigError,
  IoError,
  SandboxFsOpsError,
  sandboxConfigSchema,
  VolumeAlreadyExistsError,
  VolumeNotFoundError,
} from '@microsandbox/types';
import { acquireFileLock } from '@microsandbox/utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TestHome, testHome } from '../../test/test-home.ts';
import { withBackend } from '../backend/current-backend.ts';
import { Volume } from './volume.ts';
import type { VolumeBuilder } from './volume-builder.ts';
import { VolumeFs } from './volume-fs.ts';

let home: TestHome;
beforeEach(async () => {
  home = await testHome();
});
afterEach(() => home[Symbol.asyncDispose]());

function here<T>(act: () => T): T {
  return withBackend(home.backend, act);
}

describe('volumes', () => {
  it('are folders unless they are disks', async () => {
    const volume = await here(() => Volume.builder('data').quota(64).label('team', 'x').create());
    expect(volume).toMatchObject({ name: 'data', path: join(home.path, 'volumes/data') });
    expect((await stat(volume.path)).mode & 0o777).toBe(0o700);
    const handle = await here(() => Volume.get('data'));
    expect(handle).toMatchObject({
      name: 'data',
      kind: 'dir',
      isDefault: false,
      quotaMib: 64,
      usedBytes: 0,
      capacityBytes: null,
      diskFormat: null,
      labels: [['team', 'x']],
      createdAt: expect.any(Date),
    });
    const disk = await here(() => Volume.builder('db').disk().size(16).create());
    expect((await stat(join(disk.path, 'disk.raw'))).size).toBe(16 << 20);
    expect(await here(() => Volume.get('db'))).toMatchObject({
      kind: 'disk',
      capacityBytes: 16 << 20,
      diskFormat: 'raw',
      diskFstype: 'ext4',
      labels: [],
    });
  });

  it('with_backend_scope_isolates_volume_fs_paths', async () => {
    await using other = await testHome();
    const volume = await withBackend(other.backend, () => Volume.builder('vol').create());
    const theirs = await withBackend(other.backend, () => Volume.get('vol'));
    // A handle stays with the backend it was made with, also inside another's scope.
    await here(() => theirs.fs().write('hello.txt', 'world'));
    expect(await readFile(join(volume.path, 'hello.txt'), 'utf8')).toBe('world');
    expect(volume.path.startsWith(other.path)).toBe(true);
    expect(existsSync(join(home.path, 'volumes'))).toBe(false);
  });

  it('are listed newest first, by handles that only tell', async () => {
    for (const name of ['a', 'b']) await here(() => Volume.builder(name).create());
    const list = await here(() => Volume.list());
    expect(list.map(({ name }) => name)).toEqual(['b', 'a']);
    await expect(list[0]?.remove()).rejects.toThrow('VolumeHandle is read-only');
    expect(() => list[0]?.fs()).toThrow('VolumeHandle is read-only');
  });

  it.each<[string, (b: VolumeBuilder) => VolumeBuilder, string]>([
    ['', (b) => b, 'volume name must not be empty'],
    ['-x', (b) => b, 'volume name must start with an alphanumeric character and contain only'],
    ['a/b', (b) => b, 'hyphens, and underscores: a/b'],
    ['a', (b) => b.size(1), 'directory named volumes do not support .size(...) / --size'],
    ['a', (b) => b.disk(), 'disk named volumes require .size(...) / --size'],
    ['a', (b) => b.disk().size(8).quota(8), 'disk named volumes do not support .quota(...)'],
    ['a', (b) => b.quota(0), 'volume quota must be a whole number of MiB greater than 0'],
  ])('%j are refused: %#', async (name, configure, message) => {
    const failure = here(() => configure(Volume.builder(name)).create());
    await expect(failure).rejects.toThrow(message);
    await expect(failure).rejects.toThrow(InvalidConfigError);
    expect(existsSync(join(home.path, 'volumes'))).toBe(false);
  });

  it('exist once, also when many make them at the same time', async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, () => here(() => Volume.builder('one').create())),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(VolumeAlreadyExistsError);
    }
    expect(await here(() => Volume.list())).toHaveLength(1);
    expect(await readdir(join(home.path, 'volumes'))).toEqual(['.locks', 'one']);
  });

  it('are not made over a folder that is there', async () => {
    await mkdir(join(home.path, 'volumes/mine'), { recursive: true });
    await writeFile(join(home.path, 'volumes/mine/file'), 'x');
    await expect(here(() => Volume.builder('mine').create())).rejects.toThrow('volume already exists: mine');
    expect(await readFile(join(home.path, 'volumes/mine/file'), 'utf8')).toBe('x');
  });

  it('go with everything in them', async () => {
    const volume = await here(() => Volume.builder('data').create());
    await volume.fs().write('deep/er/file', 'x');
    await here(() => Volume.remove('data'));
    expect(existsSync(volume.path)).toBe(false);
    await expect(here(() => Volume.get('data'))).rejects.toThrow(VolumeNotFoundError);
    await expect(here(() => Volume.remove('data'))).rejects.toThrow('volume not found: data');
    await expect(here(() => Volume.getDefault())).rejects.toMatchObject({ code: 'unsupported' });
  });

  it('stay while a sandbox has them mounted', async () => {
    await here(() => Volume.builder('data').create());
    const catalog = await home.backend.catalog();
    const config = sandboxConfigSchema.parse({
      name: 'web',
      image: { Oci: { reference: 'alpine' } },
      mounts: [{ type: 'Named', name: 'data', guest: '/data' }],
    });
    const { id } = await catalog.write((db) => insertSandbox(db, config));
    await catalog.write((db) => {
      setActiveConfig(db, id, config);
      setSandboxStatus(db, id, 'Running');
    });
    await expect(here(() => Volume.remove('data'))).rejects.toThrow(
      'volume "data" is attached to active sandbox "web"',
    );
    await catalog.write((db) => setSandboxStatus(db, id, 'Stopped'));
    await here(() => Volume.remove('data'));
  });

  it('that are disks stay while a machine holds them', async () => {
    const { path } = await here(() => Volume.builder('db').disk().size(8).create());
    const lock = await acquireFileLock(join(path, 'disk.raw'), { mode: 'shared' });
    await expect(here(() => Volume.remove('db'))).rejects.toThrow(
      'volume "db" is currently attached by a running sandbox',
    );
    await lock.release();
    await here(() => Volume.remove('db'));
  });

  it('make no home where there is none', async () => {
    await rm(join(home.path, 'db'), { recursive: true, force: true });
    await expect(here(() => Volume.get('x'))).rejects.toThrow('volume not found: x');
    await expect(here(() => Volume.remove('x'))).rejects.toThrow('volume not found: x');
    expect(await here(() => Volume.list())).toEqual([]);
    expect(existsSync(join(home.path, 'db'))).toBe(false);
  });
});

describe('files of volumes', () => {
  let root: string;
  let fs: VolumeFs;
  beforeEach(async () => {
    root = (await here(() => Volume.builder('data').create())).path;
    fs = new VolumeFs(root);
  });

  it('are written and read, with the folders above them', async () => {
    await fs.write('/a/b/file', 'text');
    expect(await fs.readToString('a/b/file')).toBe('text');
    expect(Buffer.from(await fs.read('/a/./b/file')).toString()).toBe('text');
    await fs.write('a/b/file', Buffer.from([0xff]));
    await expect(fs.readToString('a/b/file')).rejects.toThrow('invalid utf-8');
    expect(await fs.list('')).toMatchObject([{ path: '/a', kind: 'directory' }]);
    expect(await fs.list('/a/b')).toMatchObject([{ path: '/a/b/file', kind: 'file', size: 1 }]);
    expect(await fs.stat('a/b/file')).toMatchObject({ kind: 'file', size: 1, readonly: false });
    expect((await fs.stat('a/b/file')).mode & 0o170000).toBe(0o100000);
  });

  it('are copied, renamed and removed', async () => {
    await fs.write('one', 'x');
    await chmod(join(root, 'one'), 0o751);
    await fs.copy('one', 'sub/two');
    expect((await fs.stat('sub/two')).mode & 0o777).toBe(0o751);
    await fs.rename('sub/two', 'three');
    expect(await fs.exists('sub/two')).toBe(false);
    await fs.mkdir('sub/x/y');
    await fs.mkdir('sub/x/y');
    await expect(fs.mkdir('one/x')).rejects.toThrow('io error: one: it exists already');
    await expect(fs.remove('sub')).rejects.toThrow(IoError);
    await fs.removeDir('sub');
    await fs.remove('three');
    expect(await fs.list('/')).toMatchObject([{ path: '/one' }]);
  });

  it('stream', async () => {
    await using sink = await fs.writeStream('big');
    const piece = Buffer.alloc(100_000, 7);
    for (let index = 0; index < 30; index += 1) await sink.write(piece);
    await sink.close();
    await expect(sink.write('x')).rejects.toThrow('write sink already closed');
    let size = 0;
    await using stream = await fs.readStream('big');
    for await (const chunk of stream) {
      expect(chunk.length).toBeLessThanOrEqual(64 * 1024);
      size += chunk.length;
    }
    expect(size).toBe(3_000_000);
    expect(await stream.recv()).toBeNull();
  });

  it('that are missing are an error of the host', async () => {
    await expect(fs.read('none')).rejects.toThrow('io error: none: no such file or directory');
    await expect(fs.read('none')).rejects.toThrow(IoError);
    await expect(fs.read('/')).rejects.toThrow('io error: /: is a directory');
    expect(await fs.exists('none/at/all')).toBe(false);
  });

  it('behind links are found inside, and nowhere else', async () => {
    await fs.write('dir/file', 'inside');
    await writeFile(join(home.path, 'outside'), 'secret');
    await symlink('dir', join(root, 'to-dir'));
    await symlink('../to-dir/file', join(root, 'dir/around'));
    expect(await fs.readToString('to-dir/around')).toBe('inside');
    for (const [name, target] of [
      ['absolute', join(home.path, 'outside')],
      ['up', '../../outside'],
      ['dir/up', '../../../outside'],
      ['to-up', 'up'],
    ] as const) {
      await symlink(target, join(root, name));
      await expect(fs.read(name)).rejects.toThrow('path traversal outside volume root');
      await expect(fs.write(name, 'x')).rejects.toThrow(SandboxFsOpsError);
    }
    await expect(fs.read('../outside')).rejects.toThrow('path traversal outside volume root');
    await expect(fs.read('dir/../../outside')).rejects.toThrow(SandboxFsOpsError);
    await symlink('loop', join(root, 'loop'));
    await expect(fs.read('loop')).rejects.toThrow('too many links');
    expect(await readFile(join(home.path, 'outside'), 'utf8')).toBe('secret');
    // Links themselves can be taken away.
    await fs.remove('absolute');
    await fs.removeDir('dir');
    expect(existsSync(join(home.path, 'outside'))).toBe(true);
  });

  it('are not left by a guest that swaps folders for links meanwhile', async () => {
    const outside = join(home.path, 'host');
    await mkdir(join(outside, 'x'), { recursive: true });
    await writeFile(join(outside, 'x/file'), 'secret');
    await fs.write('real/x/file', 'inside');
    await symlink(outside, join(root, 'link'));
    let swapping = true;
    const swaps = (async () => {
      const { rename } = await import('node:fs/promises');
      while (swapping) {
        await rename(join(root, 'real'), join(root, 'away')).catch(() => {});
        await rename(join(root, 'link'), join(root, 'real')).catch(() => {});
        await rename(join(root, 'real'), join(root, 'link')).catch(() => {});
        await rename(join(root, 'away'), join(root, 'real')).catch(() => {});
      }
    })();
    const seen = new Set<string>();
    for (let round = 0; round < 300; round += 1) {
      seen.add(
        await fs.readToString('real/x/file').catch((error: Error) => error.message.replace(/^.*: /, '')),
      );
      await fs.write('real/x/new', 'x').catch(() => {});
    }
    swapping = false;
    await swaps;
    expect(seen.has('secret')).toBe(false);
    expect(seen.has('inside')).toBe(true);
    expect(existsSync(join(outside, 'x/new'))).toBe(false);
  });

  it('are those of the backend that owns the call', async () => {
    await using other = await testHome();
    await withBackend(other.backend, () => fs.write('hello.txt', 'world'));
    expect(await readFile(join(root, 'hello.txt'), 'utf8')).toBe('world');
    expect(existsSync(join(other.path, 'volumes'))).toBe(false);
  });
});
