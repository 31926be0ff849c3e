import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '@microsandbox/test-utils';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { writeErofs } from '../src/erofs/write-erofs.ts';
import { buildPatchTree } from '../src/patch/build-patch-tree.ts';
import { parseStoredPatches } from '../src/patch/parse-stored-patches.ts';
import type { RootfsPatch } from '../src/patch/rootfs-patch.ts';
import { findNode } from '../src/tree/find-node.ts';
import {
  createDirectory,
  type DirectoryNode,
  NO_XATTRS,
  OPAQUE_XATTR,
  type TreeNode,
} from '../src/tree/nodes.ts';
import { dumpTree, fileBytes } from './dump-tree.ts';

const base = { uid: 5, gid: 6, mtime: 7, mtimeNsec: 0 };

/** `{ 'a/b': 'content', 'c/': null }`: files, directories, and nodes as they are. */
function treeOf(entries: Readonly<Record<string, string | TreeNode | null>>): DirectoryNode {
  const root = createDirectory();
  for (const [path, entry] of Object.entries(entries)) {
    const names = path.split('/').filter((name) => name !== '');
    let parent = root;
    for (const [i, name] of names.entries()) {
      const isLast = i === names.length - 1;
      const made = isLast && entry !== null ? nodeOf(entry) : createDirectory({ ...base, mode: 0o750 });
      const node = parent.children.get(name) ?? made;
      parent.children.set(name, node);
      if (node.kind === 'directory') parent = node;
    }
  }
  return root;
}

function nodeOf(entry: string | TreeNode): TreeNode {
  if (typeof entry !== 'string') return entry;
  const bytes = Buffer.from(entry);
  const data = { source: 'memory', bytes } as const;
  return { kind: 'file', ...base, mode: 0o751, xattrs: NO_XATTRS, size: bytes.length, data };
}

const whiteout: TreeNode = { kind: 'char-device', ...base, mode: 0, major: 0, minor: 0 };
const link = (target: string): TreeNode => ({ kind: 'symlink', ...base, mode: 0o777, target });
const opaque = (): DirectoryNode =>
  createDirectory({ ...base, mode: 0o700 }, new Map([[OPAQUE_XATTR, Buffer.from('y')]]));

let images: string;
const layerPaths: string[] = [];
let dir: string;
beforeAll(async () => {
  images = await mkdtemp(join(tmpdir(), 'msb-patch-layers-'));
  const opaqueDir = opaque();
  opaqueDir.children.set('new', nodeOf('new'));
  const layers = [
    {
      'etc/passwd': 'root\n',
      'etc/gone': 'x',
      'usr/bin/sh': 'sh',
      'opaque/old': 'old',
      'removed/file': 'x',
      'again/old': 'old',
      'became/file': 'x',
      'through/old': 'old',
      bin: link('usr/bin'),
      'dev/null': { kind: 'char-device', ...base, mode: 0o666, major: 1, minor: 3 } as const,
    },
    { 'etc/gone': whiteout, removed: whiteout, again: whiteout, opaque: opaqueDir, through: 'a file' },
    { 'etc/hosts': 'top\n', 'again/new': 'new', 'through/new': 'new', became: 'now a file' },
  ];
  for (const [i, entries] of layers.entries()) {
    const path = join(images, `${i}`);
    await writeErofs({ root: treeOf(entries) }, path);
    layerPaths.push(path);
  }
});
afterAll(() => rm(images, { recursive: true }));
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'msb-patch-'));
});
afterEach(() => rm(dir, { recursive: true }));

async function apply(...patches: RootfsPatch[]): Promise<string[]> {
  const tree = await buildPatchTree({ patches, layerPaths });
  // Hashes of content and the root say nothing here.
  return (await dumpTree(tree)).slice(1).map((line) => line.replace(/ [0-9a-f]{64}$/, ''));
}

async function contentAt(path: string, ...patches: RootfsPatch[]): Promise<string> {
  const { root } = await buildPatchTree({ patches, layerPaths });
  const node = findNode(root, path.split('/').slice(1));
  if (node?.kind !== 'file') return `a ${node?.kind}`;
  return (await fileBytes(node)).toString();
}

function refuse(...patches: RootfsPatch[]) {
  return expect(buildPatchTree({ patches, layerPaths })).rejects;
}

const text = (
  path: string,
  content = 'text',
  options: Partial<Extract<RootfsPatch, { kind: 'text' }>> = {},
) => ({ kind: 'text', path, content, ...options }) as const;
const remove = (path: string): RootfsPatch => ({ kind: 'remove', path });
const append = (path: string, content = 'more'): RootfsPatch => ({ kind: 'append', path, content });
const makeDir = (path: string, mode?: number): RootfsPatch => ({ kind: 'mkdir', path, mode });

describe('text and file', () => {
  it('are made with their directories, owned by root', async () => {
    expect(
      await apply(text('/etc/motd'), text('/new/a/b', 'ü', { mode: 0o600 }), {
        kind: 'file',
        path: '//etc/./bin//',
        content: Buffer.from([0, 255]),
        mode: 0o104755,
      }),
    ).toEqual([
      '/etc directory 755 0 0 0.0',
      '/etc/bin file 4755 0 0 0.0 2',
      '/etc/motd file 644 0 0 0.0 4',
      '/new directory 755 0 0 0.0',
      '/new/a directory 755 0 0 0.0',
      '/new/a/b file 600 0 0 0.0 2',
    ]);
    expect(await contentAt('/x', text('/x', 'grüße'))).toBe('grüße');
  });

  it('replace only what they may', async () => {
    await refuse(text('/etc/passwd')).toMatchObject({
      code: 'patchFailed',
      message: "patch failed: path exists in image layer: '/etc/passwd' (set replace to allow)",
    });
    await refuse(text('/etc/a'), text('/etc/a')).toThrow(
      "patch failed: path already exists in rootfs: '/etc/a' (set replace to allow)",
    );
    await refuse(text('/etc')).toThrow("path exists in image layer: '/etc'");
    expect(await contentAt('/etc/passwd', text('/etc/passwd', 'a', { replace: true }))).toBe('a');
    expect(await contentAt('/etc/a', text('/etc/a'), text('/etc/a', 'b', { replace: true }))).toBe('b');
    expect(await contentAt('/etc', text('/etc', 'b', { replace: true }))).toBe('b');
    await refuse(text('/etc/a'), text('/etc', 'b', { replace: true })).toThrow(
      'patch failed: entry already exists: "etc"',
    );
  });

  it('may take the place of what layers or patches removed', async () => {
    for (const path of [
      '/etc/gone',
      '/removed',
      '/removed/file',
      '/opaque/old',
      '/again/old',
      '/through/old',
    ]) {
      expect(await contentAt(path, text(path))).toBe('text');
    }
    for (const path of ['/opaque/new', '/again/new', '/through/new', '/became', '/etc/hosts']) {
      await refuse(text(path)).toThrow(`path exists in image layer: '${path}'`);
    }
    expect(await contentAt('/etc/passwd', remove('/etc/passwd'), text('/etc/passwd'))).toBe('text');
    expect(await contentAt('/etc/passwd', remove('/etc'), text('/etc/passwd'))).toBe('text');
  });

  it('need directories above', async () => {
    await refuse(text('/bin/x')).toMatchObject({
      message: "patch failed: patch path parent is not a directory: '/bin' (symlink)",
      hint: expect.stringContaining('/bin'),
    });
    await refuse(text('/etc/passwd/x')).toThrow("not a directory: '/etc/passwd' (regular file)");
    await refuse(text('/dev/null/x')).toThrow("not a directory: '/dev/null' (character device)");
    await refuse(text('/became/x')).toThrow("not a directory: '/became' (regular file)");
    await refuse(text('/a'), text('/a/b')).toThrow(
      "patch failed: patch path parent is not a directory: '/a'",
    );
    expect(await contentAt('/usr/bin/x', text('/usr/bin/x'))).toBe('text');
  });
});

describe('paths', () => {
  it.each([
    ['relative', "patch path must be absolute: 'relative'"],
    ['', "patch path must be absolute: ''"],
    ['/', "patch path must not be '/'"],
    ['//./', "patch path must not be '/'"],
    ['/a/../b', "patch path escapes rootfs: '/a/../b'"],
    ['/..', "patch path escapes rootfs: '/..'"],
    ['/a\0b', "patch path contains null byte: '/a\0b'"],
    [`/${'n'.repeat(256)}`, 'patch path too long: '],
    [`${'/nnnnnnn'.repeat(600)}`, 'patch path too long: '],
  ])('%j is refused', async (path, reason) => {
    for (const patch of [
      text(path),
      remove(path),
      append(path),
      makeDir(path),
      { kind: 'symlink', target: 'x', link: path } as const,
      { kind: 'copyFile', src: '/etc/passwd', dst: path } as const,
      { kind: 'copyDir', src: '/etc', dst: path } as const,
    ]) {
      await refuse(patch).toThrow(`patch failed: ${reason}`);
    }
  });
});

describe('symlink', () => {
  it('says what it is told', async () => {
    const patch: RootfsPatch = { kind: 'symlink', target: '/no/such', link: '/opt/link' };
    expect(await apply(patch)).toEqual([
      '/opt directory 755 0 0 0.0',
      '/opt/link symlink 777 0 0 0.0 -> /no/such',
    ]);
    await refuse({ ...patch, link: '/bin' }).toThrow("path exists in image layer: '/bin'");
    expect(await apply({ ...patch, link: '/bin', replace: true })).toHaveLength(1);
    for (const target of ['', 'a\0b', 'x'.repeat(4096)]) {
      await refuse({ ...patch, target }).toThrow('patch failed: invalid symlink target: ');
    }
  });
});

describe('mkdir', () => {
  it('does nothing where the image has a directory', async () => {
    expect(await apply(makeDir('/etc'), makeDir('/usr/bin', 0o700), makeDir('/opaque'))).toEqual([]);
  });

  it('makes a directory, or gives one of a patch another mode', async () => {
    expect(await apply(makeDir('/a/b', 0o1777))).toEqual([
      '/a directory 755 0 0 0.0',
      '/a/b directory 1777 0 0 0.0',
    ]);
    expect(await apply(text('/a/b'), makeDir('/a', 0o700))).toEqual([
      '/a directory 700 0 0 0.0',
      '/a/b file 644 0 0 0.0 4',
    ]);
  });

  it('refuses what is no directory', async () => {
    const reason = 'path exists and is not a directory';
    await refuse(makeDir('/bin')).toThrow(
      `patch failed: cannot create directory at '/bin': ${reason} (symlink)`,
    );
    await refuse(makeDir('/etc/hosts')).toThrow(
      `cannot create directory at '/etc/hosts': ${reason} (regular file)`,
    );
    await refuse(text('/a'), makeDir('/a')).toThrow(
      `patch failed: cannot create directory at '/a': ${reason}`,
    );
  });

  it('does not bring back what was removed', async () => {
    expect(await apply(remove('/etc'), makeDir('/etc'))).toEqual([
      '/etc directory 755 0 0 0.0 trusted.overlay.opaque=79',
    ]);
    expect(await apply(remove('/usr'), text('/usr/bin/x'))).toEqual([
      '/usr directory 755 0 0 0.0 trusted.overlay.opaque=79',
      '/usr/bin directory 755 0 0 0.0',
      '/usr/bin/x file 644 0 0 0.0 4',
    ]);
    await refuse(remove('/usr'), makeDir('/usr'), append('/usr/bin/sh')).toThrow('file not found in rootfs');
  });
});

describe('remove', () => {
  it('hides what the image has, and drops what patches made', async () => {
    expect(await apply(remove('/etc/passwd'), remove('/usr'))).toEqual([
      '/etc directory 755 0 0 0.0',
      '/etc/passwd char-device 0 0 0 0.0 0:0',
      '/usr char-device 0 0 0 0.0 0:0',
    ]);
    expect(await apply(text('/a'), remove('/a'))).toEqual([]);
    expect(await apply(text('/etc/passwd', 'x', { replace: true }), remove('/etc'))).toEqual([
      '/etc char-device 0 0 0 0.0 0:0',
    ]);
  });

  it('is content when there is nothing', async () => {
    const absent = [
      '/no',
      '/no/such',
      '/etc/gone',
      '/removed',
      '/again/old',
      '/opaque/old',
      '/bin/sh',
      '/became/file',
    ];
    expect(await apply(...absent.map(remove))).toEqual([]);
    expect(await apply(remove('/etc'), remove('/etc/passwd'), remove('/etc'))).toHaveLength(1);
  });
});

describe('append', () => {
  it('adds to files of image and patches', async () => {
    expect(await contentAt('/etc/passwd', append('/etc/passwd', 'you\n'))).toBe('root\nyou\n');
    expect(await contentAt('/etc/hosts', append('/etc/hosts', 'a'), append('/etc/hosts', 'b'))).toBe(
      'top\nab',
    );
    expect(await contentAt('/a', text('/a', 'x'), append('/a', 'y'), append('/a', 'ü'))).toBe('xyü');
    expect(await apply(append('/etc/passwd'), text('/a', '', { mode: 0o600 }), append('/a', 'x'))).toEqual([
      '/a file 600 0 0 0.0 1',
      '/etc directory 755 0 0 0.0',
      '/etc/passwd file 644 0 0 0.0 9',
    ]);
  });

  it('refuses everything else', async () => {
    const refused: readonly (readonly [string, string, ...RootfsPatch[]])[] = [
      ['/no', 'file not found in rootfs'],
      ['/etc/gone', 'file not found in rootfs'],
      ['/bin/sh', 'file not found in rootfs'],
      ['/etc/passwd', 'file not found in rootfs', remove('/etc/passwd')],
      ['/etc/passwd', 'file not found in rootfs', remove('/etc')],
      ['/etc', 'target in lower layer is not a regular file (directory)'],
      ['/bin', 'target in lower layer is not a regular file (symlink)'],
      ['/a', 'target is not a regular file (directory)', makeDir('/a')],
      ['/a', 'target is not a regular file (symlink)', { kind: 'symlink', target: 'x', link: '/a' }],
    ];
    for (const [path, reason, ...before] of refused) {
      await refuse(...before, append(path)).toThrow(`patch failed: cannot append to '${path}': ${reason}`);
    }
  });
});

describe('copyFile and copyDir', () => {
  it('copy files with their modes', async () => {
    const src = join(dir, 'tool');
    await writeFile(src, 'tool');
    await chmod(src, 0o750);
    await symlink('tool', join(dir, 'link'));
    expect(
      await apply(
        { kind: 'copyFile', src, dst: '/usr/tool' },
        { kind: 'copyFile', src: join(dir, 'link'), dst: '/usr/link', mode: 0o4711 },
      ),
    ).toEqual([
      '/usr directory 755 0 0 0.0',
      '/usr/link file 4711 0 0 0.0 4',
      '/usr/tool file 750 0 0 0.0 4',
    ]);
    await chmod(src, 0);
    if (process.getuid?.() === 0)
      expect(await apply({ kind: 'copyFile', src, dst: '/t' })).toEqual(['/t file 644 0 0 0.0 4']);
    await refuse({ kind: 'copyFile', src, dst: '/etc/hosts' }).toThrow('path exists in image layer');
  });

  it('copy files of any size, and files that have none', async () => {
    const large = Buffer.alloc(3_000_000, 'large');
    await writeFile(join(dir, 'large'), large);
    const copied = await contentAt('/l', { kind: 'copyFile', src: join(dir, 'large'), dst: '/l' });
    expect(copied).toBe(large.toString());
    if (process.platform !== 'linux') return;
    const version = await contentAt('/v', { kind: 'copyFile', src: '/proc/version', dst: '/v' });
    expect(version).toContain('Linux version');
  });

  it('copy folders', async () => {
    const src = join(dir, 'folder');
    await mkdir(join(src, 'sub/deep'), { recursive: true });
    await chmod(join(src, 'sub'), 0o700);
    await writeFile(join(src, 'sub/file'), 'file');
    await chmod(join(src, 'sub/file'), 0o640);
    await writeFile(Buffer.concat([Buffer.from(`${src}/`), Buffer.from([0xff, 0xfe])]), 'not UTF-8');
    await symlink('/abs/target', join(src, 'link'));
    expect(await apply({ kind: 'copyDir', src, dst: '/opt/app' })).toEqual([
      '/opt directory 755 0 0 0.0',
      '/opt/app directory 755 0 0 0.0',
      '/opt/app/link symlink 777 0 0 0.0 -> /abs/target',
      '/opt/app/sub directory 700 0 0 0.0',
      '/opt/app/sub/deep directory 755 0 0 0.0',
      '/opt/app/sub/file file 640 0 0 0.0 4',
      '/opt/app/\xff\xfe file 644 0 0 0.0 9',
    ]);
    await refuse({ kind: 'copyDir', src, dst: '/etc' }).toThrow("path exists in image layer: '/etc'");
    expect(await apply({ kind: 'copyDir', src, dst: '/etc', replace: true })).toHaveLength(6);
    // What was removed stays so.
    expect(
      (await apply(remove('/usr/bin'), { kind: 'copyDir', src: dir, dst: '/usr', replace: true })).join('\n'),
    ).toContain('/usr/bin char-device');
    await mkdir(join(src, 'bin'));
    expect(await apply(remove('/usr/bin'), { kind: 'copyDir', src, dst: '/usr', replace: true })).toContain(
      '/usr/bin directory 755 0 0 0.0 trusted.overlay.opaque=79',
    );
    await refuse(makeDir('/m/link'), { kind: 'copyDir', src, dst: '/m', replace: true }).toThrow(
      'patch failed: entry already exists: "link"',
    );
  });

  it('copy folders of any depth and size', async () => {
    let at = join(dir, 'deep');
    for (let i = 0; i < 300; i++) at = join(at, 'd');
    await mkdir(at, { recursive: true });
    for (let i = 0; i < 2000; i++) await writeFile(join(dir, 'deep', `f${i}`), `${i}`);
    expect(await apply({ kind: 'copyDir', src: join(dir, 'deep'), dst: '/deep' })).toHaveLength(2301);
  });

  it('refuse what is no file or folder', async () => {
    await mkdir(join(dir, 'odd'));
    await runCommand('mkfifo', [join(dir, 'odd/pipe')]);
    await refuse({ kind: 'copyFile', src: join(dir, 'odd/pipe'), dst: '/p' }).toThrow(
      `patch failed: patch source is not a regular file: ${join(dir, 'odd/pipe')}`,
    );
    await refuse({ kind: 'copyFile', src: dir, dst: '/p' }).toThrow(
      `patch failed: patch source is not a regular file: ${dir}`,
    );
    await refuse({ kind: 'copyDir', src: join(dir, 'odd'), dst: '/p' }).toThrow(
      `patch failed: CopyDir source contains an unsupported file type: '${join(dir, 'odd/pipe')}'`,
    );
    for (const kind of ['copyFile', 'copyDir'] as const) {
      await refuse({ kind, src: join(dir, 'absent'), dst: '/p' }).toMatchObject({
        code: 'patchFailed',
        message: expect.stringContaining(`patch failed: cannot read ${join(dir, 'absent')}: ENOENT`),
      });
    }
    await writeFile(join(dir, 'file'), '');
    await refuse({ kind: 'copyDir', src: join(dir, 'file'), dst: '/p' }).toThrow('ENOTDIR');
  });
});

describe('buildPatchTree', () => {
  it('says which layer cannot be read', async () => {
    const broken = join(dir, 'broken');
    await writeFile(broken, Buffer.alloc(8192));
    const attempt = buildPatchTree({ patches: [], layerPaths: [...layerPaths, broken] });
    await expect(attempt).rejects.toMatchObject({
      code: 'patchFailed',
      message: expect.stringContaining(`patch failed: failed to open lower layer ${broken}: `),
    });
  });

  it('ends when it is told to', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(buildPatchTree({ patches: [text('/a')], layerPaths, signal })).rejects.toThrow('enough');
  });
});

describe('parseStoredPatches', () => {
  it('reads what records keep', () => {
    expect(
      parseStoredPatches([
        { Text: { path: '/t', content: 'x', mode: null, replace: false } },
        { File: { path: '/f', content: [1, 2], mode: 0o600, replace: true } },
        { CopyFile: { src: 'a', dst: '/a', mode: null, replace: false } },
        { CopyDir: { src: 'a', dst: '/a', replace: false } },
        { Symlink: { target: 't', link: '/l', replace: false } },
        { Mkdir: { path: '/m', mode: 0o700 } },
        { Remove: { path: '/r' } },
        { Append: { path: '/a', content: 'y' } },
      ]),
    ).toEqual([
      { kind: 'text', path: '/t', content: 'x', replace: false },
      { kind: 'file', path: '/f', content: Buffer.from([1, 2]), mode: 0o600, replace: true },
      { kind: 'copyFile', src: 'a', dst: '/a', replace: false },
      { kind: 'copyDir', src: 'a', dst: '/a', replace: false },
      { kind: 'symlink', target: 't', link: '/l', replace: false },
      { kind: 'mkdir', path: '/m', mode: 0o700 },
      { kind: 'remove', path: '/r' },
      { kind: 'append', path: '/a', content: 'y' },
    ]);
  });

  it.each([
    null,
    {},
    { Text: { path: 1 } },
    { Chmod: { path: '/' } },
    { File: { path: '/', content: [256] } },
  ])('refuses %j', (record) => {
    expect(() => parseStoredPatches([{ Remove: { path: '/r' } }, record])).toThrow(
      "invalid patch 2 of the sandbox's configuration",
    );
  });
});
