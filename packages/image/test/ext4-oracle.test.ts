import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram, mustRun, runCommand, SeededRandom } from '@microsandbox/test-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createUpperDisk } from '../src/ext4/create-upper-disk.ts';
import { formatExt4 } from '../src/ext4/format-ext4.ts';
import { createDirectory, type DirectoryNode, type FileNode, type Metadata } from '../src/tree/nodes.ts';

const MIB = 1024 * 1024;
const e2fsck = await findProgram('e2fsck');
const debugfs = await findProgram('debugfs');
const missing = e2fsck === null || debugfs === null ? 'e2fsprogs is not installed' : false;
if (missing) console.warn(`skipped: ${missing}`);
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ext4-oracle-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }), 60_000);

async function expectClean(path: string): Promise<void> {
  const { code, stdout, stderr } = await runCommand(e2fsck as string, ['-fn', path]);
  expect(code, `${stdout}${stderr}`).toBe(0);
}

async function debug(path: string, request: string): Promise<string> {
  const { stdout } = await mustRun(debugfs as string, ['-R', request, path]);
  return stdout.toString('latin1');
}

const plain: Metadata = { mode: 0o644, uid: 0, gid: 0, mtime: 1_700_000_000, mtimeNsec: 5 };

function file(bytes: Buffer, xattrs: FileNode['xattrs'] = new Map()): FileNode {
  return { kind: 'file', ...plain, xattrs, size: bytes.length, data: { source: 'memory', bytes } };
}

describe.skipIf(missing)('e2fsck accepts', () => {
  // Sizes around group ends: the last group cannot always hold its own metadata.
  it.each([8, 9, 16, 63, 64, 65, 66, 80, 127, 128, 129, 130, 131, 132, 255, 256, 257, 385, 1153, 4096])(
    'an upper disk of %i MiB',
    async (sizeMib) => {
      const path = join(folder, 'upper');
      await createUpperDisk({ path, sizeMib });
      await expectClean(path);
      expect(await debug(path, 'ls -p /')).toMatch(/\/040755\/0\/0\/upper\/.*\n.*\/040755\/0\/0\/work\//);
      const { size } = await stat(path);
      expect(size).toBeLessThanOrEqual(sizeMib * MIB);
      expect(size).toBeGreaterThan((sizeMib - 4) * MIB);
    },
  );

  it('a large disk', async () => {
    const path = join(folder, 'large');
    await formatExt4({ path, sizeBytes: 128 * 1024 * MIB, mode: 'upper' });
    const { stdout } = await mustRun('dumpe2fs', ['-h', path], { env: { PATH: '/usr/sbin:/sbin:/usr/bin' } });
    expect(stdout.toString()).toContain('Block count:              33554432');
  });

  it('a directory of many blocks, a file of many extents, long links and all kinds of nodes', async () => {
    const path = join(folder, 'kinds');
    const root = createDirectory();
    const big = createDirectory();
    for (let i = 0; i < 5000; i++) big.children.set(`${i}-${'n'.repeat(i % 240)}`, file(Buffer.from(`${i}`)));
    root.children.set('big', big);
    const spool = join(folder, 'spool');
    const content = randomBytes(3 * MIB + 17);
    await writeFile(spool, content);
    root.children.set('region', { ...file(content), data: { source: 'region', path: spool, offset: 0 } });
    root.children.set('fast', { kind: 'symlink', ...plain, mode: 0o777, target: 'x'.repeat(59) });
    root.children.set('slow', { kind: 'symlink', ...plain, mode: 0o777, target: 'y'.repeat(4000) });
    root.children.set('null', { kind: 'char-device', ...plain, major: 1, minor: 3 });
    root.children.set('wide', { kind: 'block-device', ...plain, major: 300, minor: 70_000 });
    root.children.set('pipe', { kind: 'fifo', ...plain });
    root.children.set('socket', { kind: 'socket', ...plain });
    await formatExt4({ path, sizeBytes: 300 * MIB, tree: { root }, mode: 'rootfs' });
    await expectClean(path);
    await mustRun(debugfs as string, ['-R', `dump /region ${join(folder, 'out')}`, path]);
    expect((await readFile(join(folder, 'out'))).equals(content)).toBe(true);
    expect(await debug(path, 'stat /fast')).toContain(`Fast link dest: "${'x'.repeat(59)}"`);
    expect(await debug(path, 'stat /wide')).toContain('300:70000');
    expect((await debug(path, 'ls -p /big')).trim().split('\n')).toHaveLength(5002);
  });

  it('a file that spans groups and needs an extent block', async () => {
    const path = join(folder, 'extents');
    const spool = join(folder, 'zeros');
    await writeFile(spool, '');
    await mustRun('truncate', ['-s', `${800 * MIB}`, spool]);
    const root = createDirectory();
    root.children.set('large', {
      ...file(Buffer.alloc(0)),
      size: 700 * MIB + 1,
      data: { source: 'region', path: spool, offset: 0 },
    });
    await formatExt4({ path, sizeBytes: 1024 * MIB, tree: { root }, mode: 'rootfs' });
    await expectClean(path);
    expect(await debug(path, 'ex /large')).toMatch(/1\/ 1\s+7\/\s+7/);
    await rm(path);
  }, 60_000);

  it('extended attributes, behind the inode and in a block', async () => {
    const path = join(folder, 'xattrs');
    const root = createDirectory(undefined, new Map([['user.root', Buffer.from('1')]]));
    const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex');
    const large = randomBytes(2000);
    const both = new Map([
      ['user.large', large],
      ['security.capability', capability],
      ['trusted.overlay.opaque', Buffer.from('y')],
      ['user.empty', Buffer.alloc(0)],
    ]);
    root.children.set('small', file(Buffer.from('x'), new Map([['security.capability', capability]])));
    root.children.set('large', file(Buffer.from('x'), both));
    await formatExt4({ path, sizeBytes: 16 * MIB, tree: { root }, mode: 'rootfs' });
    await expectClean(path);
    expect(await debug(path, 'ea_list /small')).toContain('security.capability (20)');
    expect(await debug(path, 'ea_list /large')).toMatch(/user\.large \(2000\)/);
    await mustRun(debugfs as string, ['-R', `ea_get -f ${join(folder, 'ea')} /large user.large`, path]);
    expect((await readFile(join(folder, 'ea'))).equals(large)).toBe(true);
  });

  it('times before 1970, after 2038 and far away', async () => {
    const path = join(folder, 'times');
    const root = createDirectory();
    const times = [-1, -(2 ** 40), 2 ** 31, 2 ** 32 + 5, 2 ** 34, 2 ** 33];
    times.forEach((mtime, i) => {
      root.children.set(`t${i}`, { ...file(Buffer.alloc(0)), mtime, mtimeNsec: 999_999_999 });
    });
    await formatExt4({ path, sizeBytes: 16 * MIB, tree: { root }, mode: 'rootfs' });
    await expectClean(path);
    expect(await debug(path, 'stat /t2')).toContain('mtime: 0x80000000:ee6b27fd');
  });

  it('a tree of any depth', async () => {
    const path = join(folder, 'deep');
    const root = createDirectory();
    let at: DirectoryNode = root;
    for (let i = 0; i < 3000; i++) {
      const next = createDirectory();
      at.children.set('d', next);
      at = next;
    }
    await formatExt4({ path, sizeBytes: 64 * MIB, tree: { root }, mode: 'rootfs' });
    await expectClean(path);
  });

  it('random trees', async () => {
    const random = new SeededRandom(4);
    for (let round = 0; round < 12; round++) {
      const path = join(folder, 'random');
      const { root, files } = randomTree(random);
      await formatExt4({ path, sizeBytes: (40 + random.below(300)) * MIB, tree: { root }, mode: 'rootfs' });
      await expectClean(path);
      for (const [name, content] of files.slice(0, 3)) {
        await mustRun(debugfs as string, ['-R', `dump ${name} ${join(folder, 'out')}`, path]);
        expect((await readFile(join(folder, 'out'))).equals(content)).toBe(true);
      }
    }
  }, 60_000);
});

describe('refuses', () => {
  it.each([
    [7 * MIB, 'image size is too small for ext4 formatting'],
    [8 * MIB + 1, 'invalid ext4 image size: 8388609 is not a multiple of 4096 bytes'],
    [Number.NaN, 'invalid ext4 image size: NaN is not a multiple of 4096 bytes'],
    [
      2 ** 44,
      'image is too large for ext4 formatting: requested 4294967296 blocks, maximum is 1610612736 blocks',
    ],
  ])('a size of %d bytes', async (sizeBytes, message) => {
    const attempt = formatExt4({ path: join(folder, 'never'), sizeBytes, mode: 'upper' });
    await expect(attempt).rejects.toMatchObject({ code: 'invalidConfig', message });
  });

  it('content that does not fit', async () => {
    const root = createDirectory();
    root.children.set('a', file(Buffer.alloc(9 * MIB)));
    const attempt = formatExt4({
      path: join(folder, 'full'),
      sizeBytes: 12 * MIB,
      tree: { root },
      mode: 'rootfs',
    });
    await expect(attempt).rejects.toMatchObject({
      code: 'invalidConfig',
      hint: expect.stringContaining('space'),
    });
  });

  it('a journal that Linux would not mount', async () => {
    const attempt = formatExt4({
      path: join(folder, 'j'),
      sizeBytes: 64 * MIB,
      journalBlocks: 1,
      mode: 'upper',
    });
    await expect(attempt).rejects.toMatchObject({ code: 'invalidConfig' });
  });
});

describe('createUpperDisk', () => {
  it('leaves nothing behind when it fails', async () => {
    const place = await mkdtemp(join(folder, 'fails-'));
    await expect(createUpperDisk({ path: join(place, 'upper.ext4'), sizeMib: 1 })).rejects.toThrow(
      'too small',
    );
    expect(await mustRun('ls', ['-A', place])).toMatchObject({ stdout: Buffer.alloc(0) });
  });

  it('replaces a disk and keeps it private', async () => {
    const path = join(folder, 'replaced');
    await writeFile(path, 'old', { mode: 0o644 });
    await createUpperDisk({ path, sizeMib: 8 });
    const { size, mode } = await stat(path);
    expect([size, mode & 0o777]).toEqual([8 * MIB, 0o600]);
  });
});

/** A tree with hard links, and the paths and bytes of some of its files. */
function randomTree(random: SeededRandom): { root: DirectoryNode; files: [string, Buffer][] } {
  const root = createDirectory();
  const directories: [string, DirectoryNode][] = [['', root]];
  const files: [string, Buffer][] = [];
  const nodes: FileNode[] = [];
  for (let i = random.below(400); i >= 0; i--) {
    const [path, parent] = random.pick(directories);
    const name = `n${i}${'x'.repeat(random.below(30))}`;
    if (random.chance(0.2)) {
      const child = createDirectory({ ...plain, mode: 0o700 });
      parent.children.set(name, child);
      directories.push([`${path}/${name}`, child]);
    } else if (nodes.length > 0 && random.chance(0.1)) {
      parent.children.set(name, random.pick(nodes));
    } else {
      const content = random.bytes(random.below(random.chance(0.1) ? 40_000 : 300));
      const node = file(
        content,
        random.chance(0.2) ? new Map([['user.a', random.bytes(random.below(200))]]) : undefined,
      );
      parent.children.set(name, node);
      nodes.push(node);
      files.push([`${path}/${name}`, content]);
    }
  }
  return { root, files };
}
