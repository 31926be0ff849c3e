import { createHash, randomBytes } from 'node:crypto';
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { runCommand } from '@microsandbox/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { baseName, checkedName } from './base-name.ts';
import { parseCopyEndpoint } from './copy-endpoint.ts';
import { copyTree } from './copy-tree.ts';
import { HostSink } from './host-sink.ts';
import { hostTree } from './host-tree.ts';
import { hostLinkTarget } from './link-target.ts';
import { TarSink } from './tar-sink.ts';
import { tarTree } from './tar-tree.ts';
import type { TreeEntry } from './tree-entry.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'msb-copy-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('endpoints', () => {
  it.each([
    ['web:/srv/a', { kind: 'sandbox', sandbox: 'web', path: '/srv/a' }],
    ['web:/a:b', { kind: 'sandbox', sandbox: 'web', path: '/a:b' }],
    ['./web:/srv', { kind: 'host', path: './web:/srv' }],
    ['/web:/srv', { kind: 'host', path: '/web:/srv' }],
    ['file', { kind: 'host', path: 'file' }],
    ['-', { kind: 'archive' }],
  ])('%s', (text, endpoint) => {
    expect(parseCopyEndpoint(text)).toEqual(endpoint);
  });

  it.each([
    ['web:srv', 'ambiguous copy endpoint `web:srv`; use SANDBOX:/absolute/path'],
    ['-x:/srv', 'invalid sandbox endpoint `-x:/srv`: '],
    ['web:/a\0b', 'invalid guest path component'],
  ])('refuses %j', (text, message) => {
    expect(() => parseCopyEndpoint(text)).toThrow(message);
  });
});

describe('names', () => {
  it('are the last part of a path', () => {
    expect([baseName('/a/b'), baseName('b/'), baseName('/a/ b\n')]).toEqual(['b', 'b', ' b\n']);
    expect(() => baseName('/')).toThrow('cannot infer basename for /');
  });

  it.each(['', '.', '..', 'a/b', 'a\0'])('%j is none', (name) => {
    expect(() => checkedName(name)).toThrow('invalid guest path component');
  });
});

describe('targets of links', () => {
  const target = (path: string, to: string) =>
    hostLinkTarget({ path: path.split('/').filter(Boolean), target: to, root: '/data' });

  it.each([
    ['a', 'b', 'b'],
    ['a/b', '../c', '../c'],
    ['a/b', './/c/', './/c/'],
    ['a/b', '/data/c', '../c'],
    ['a/b', '/etc/passwd', '../etc/passwd'],
    ['a', '/../../etc', 'etc'],
    ['a', '/data', '.'],
    ['a/b', 'x/../../c', '../c'],
    ['', 'b', 'b'],
  ])('%s -> %s becomes %s', (path, to, expected) => {
    expect(target(path, to)).toBe(expected);
  });

  it.each([
    ['a', '..'],
    ['a', '../x'],
    ['a/b', '../../x'],
    ['a/b', 'x/../../../y'],
    ['', '../x'],
  ])('%s -> %s is refused', (path, to) => {
    expect(() => target(path, to)).toThrow(/refusing to create symlink .* target escapes/);
  });
});

/** A tree with what trees have. */
async function makeTree(root: string): Promise<void> {
  await mkdir(join(root, 'bin/inner'), { recursive: true });
  await writeFile(join(root, 'bin/tool'), 'x');
  await chmod(join(root, 'bin/tool'), 0o4751);
  await writeFile(join(root, 'a name\nwith "ünïcode"'), randomBytes(3 << 20));
  await writeFile(join(root, 'n'.repeat(250)), '');
  await symlink('tool', join(root, 'bin/alias'));
  await symlink('../bin/tool', join(root, 'bin/other'));
  await symlink('nowhere', join(root, 'dangling'));
  await chmod(join(root, 'bin/inner'), 0o500);
}

async function describeTree(root: string): Promise<string[]> {
  const lines: string[] = [];
  for (const name of (await readdir(root, { recursive: true })).sort()) {
    const stats = await lstat(join(root, name));
    const content = stats.isFile()
      ? createHash('sha256')
          .update(await readFile(join(root, name)))
          .digest('hex')
      : stats.isSymbolicLink()
        ? await readlink(join(root, name))
        : '';
    lines.push(`${name} ${stats.mode.toString(8)} ${content}`);
  }
  return lines;
}

const entries = async function* (...list: TreeEntry[]): AsyncGenerator<TreeEntry> {
  yield* list;
};
const entriesOf = async function* (archive: Buffer): AsyncGenerator<Uint8Array> {
  yield archive;
};
const base = { mode: 0o755, modified: null };
const file = (path: string[], text: string): TreeEntry => ({
  ...base,
  path,
  kind: 'file',
  size: text.length,
  open: async function* () {
    yield Buffer.from(text);
  },
});

describe('the host', () => {
  const copyTo = (path: string, source: AsyncIterable<TreeEntry>) =>
    copyTree(source, new HostSink({ path, guestRoot: '/data' }));

  it('gets a tree with its modes and links', async () => {
    await makeTree(join(folder, 'from'));
    await copyTo(join(folder, 'new/to'), hostTree(join(folder, 'from')));
    expect(await describeTree(join(folder, 'new/to'))).toEqual(await describeTree(join(folder, 'from')));
    // Once more, over what is there.
    await copyTo(join(folder, 'new/to'), hostTree(join(folder, 'from')));
    expect(await describeTree(join(folder, 'new/to'))).toEqual(await describeTree(join(folder, 'from')));
  });

  it('is never written through a link', async () => {
    await mkdir(join(folder, 'outside'));
    await mkdir(join(folder, 'to'));
    await symlink('../outside', join(folder, 'to/sub'));
    await symlink('../outside/file', join(folder, 'to/file'));
    await copyTo(
      join(folder, 'to'),
      entries(
        { ...base, path: [], kind: 'directory' },
        file(['file'], '1'),
        { ...base, path: ['sub'], kind: 'directory' },
        file(['sub', 'evil'], '2'),
      ),
    );
    expect(await readdir(join(folder, 'outside'))).toEqual([]);
    expect(await readFile(join(folder, 'to/sub/evil'), 'utf8')).toBe('2');
    expect((await lstat(join(folder, 'to/file'))).isFile()).toBe(true);
  });

  it('stays in a folder that is exchanged for a link meanwhile', async () => {
    await mkdir(join(folder, 'outside'));
    const attack = async function* (): AsyncGenerator<TreeEntry> {
      yield { ...base, path: [], kind: 'directory' };
      yield { ...base, path: ['sub'], kind: 'directory' };
      await rename(join(folder, 'to/sub'), join(folder, 'moved'));
      await symlink('../outside', join(folder, 'to/sub'));
      yield file(['sub', 'evil'], '2');
    };
    await copyTo(join(folder, 'to'), attack());
    expect(await readdir(join(folder, 'outside'))).toEqual([]);
    expect(await readdir(join(folder, 'moved'))).toEqual(['evil']);
  });

  it.each([
    ['a link that escapes', { ...base, path: ['l'], kind: 'symlink', target: '../../etc' }],
    ['a name that climbs', file(['..'], 'x')],
    ['a name that is a path', file(['a/b'], 'x')],
    ['a file before its folder', file(['missing', 'b'], 'x')],
  ] as [string, TreeEntry][])('refuses %s', async (_, entry) => {
    const source = entries({ ...base, path: [], kind: 'directory' }, entry);
    await expect(copyTo(join(folder, 'to'), source)).rejects.toThrow(
      /refusing|invalid guest path|before its folder/,
    );
    expect(await readdir(join(folder, 'to'))).toEqual([]);
    expect(await readdir(folder)).toEqual(['to']);
  });

  it('keeps the old file when the new one breaks off', async () => {
    await writeFile(join(folder, 'to'), 'old');
    const broken: TreeEntry = {
      ...(file([], 'x') as Extract<TreeEntry, { kind: 'file' }>),
      open: async function* () {
        yield Buffer.from('new');
        throw new Error('gone');
      },
    };
    await expect(copyTo(join(folder, 'to'), entries(broken))).rejects.toThrow('gone');
    expect(await readFile(join(folder, 'to'), 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['to']);
  });

  it('says what is in the way', async () => {
    await mkdir(join(folder, 'to'));
    await expect(copyTo(join(folder, 'to'), entries(file([], 'x')))).rejects.toThrow('a folder is there');
    await expect(copyTo(join(folder, 'none/to'), entries(file([], 'x')))).rejects.toThrow(
      'none/to: no such file or folder',
    );
  });
});

describe('archives', () => {
  async function archiveOf(source: AsyncIterable<TreeEntry>): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    await copyTree(
      source,
      new TarSink('from', async (bytes) => {
        chunks.push(Buffer.from(bytes));
      }),
    );
    return Buffer.concat(chunks);
  }

  it('are read by tar as they were meant', async () => {
    await makeTree(join(folder, 'from'));
    await mkdir(join(folder, 'out'));
    const input = await archiveOf(hostTree(join(folder, 'from')));
    const { code, stderr } = await runCommand('tar', ['-xpC', join(folder, 'out')], { input });
    expect([code, stderr]).toEqual([0, '']);
    expect(await describeTree(join(folder, 'out/from'))).toEqual(await describeTree(join(folder, 'from')));
  });

  it('of tar are read, however they are cut', async () => {
    await makeTree(join(folder, 'from'));
    for (const format of ['gnu', 'pax', 'ustar']) {
      const names = format === 'ustar' ? ['bin'] : ['.'];
      const { stdout } = await runCommand('tar', [
        '-c',
        `--format=${format}`,
        '-C',
        join(folder, 'from'),
        ...names,
      ]);
      const pieces = async function* (): AsyncGenerator<Uint8Array> {
        for (let at = 0; at < stdout.length; at += 70_001) yield stdout.subarray(at, at + 70_001);
      };
      const to = join(folder, format);
      const rooted = async function* (): AsyncGenerator<TreeEntry> {
        if (format === 'ustar') yield { ...base, path: [], kind: 'directory' };
        yield* tarTree(pieces());
      };
      await copyTree(rooted(), new HostSink({ path: to, guestRoot: '/' }));
      const expected = await describeTree(join(folder, 'from'));
      expect(await describeTree(to)).toEqual(
        format === 'ustar' ? expected.filter((line) => line.startsWith('bin')) : expected,
      );
    }
  });

  it('that are cut off, climb, or are none, are refused', async () => {
    await writeFile(join(folder, 'a'), 'x'.repeat(2000));
    const read = async (bytes: Uint8Array): Promise<void> => {
      const source = async function* (): AsyncGenerator<Uint8Array> {
        yield bytes;
      };
      for await (const entry of tarTree(source())) {
        if (entry.kind === 'file') for await (const _ of entry.open());
      }
    };
    const { stdout } = await runCommand('tar', ['-c', '-C', folder, 'a']);
    await expect(read(stdout)).resolves.toBeUndefined();
    await expect(read(stdout.subarray(0, 1500))).rejects.toThrow(/unexpected EOF|ends inside/);
    for (const other of [gzipSync(stdout), Buffer.from('junk'), Buffer.alloc(600, 'x')]) {
      await expect(read(other)).rejects.toMatchObject({
        message: expect.stringMatching(/^no readable tar archive: /),
        hint: expect.stringContaining('not compressed'),
      });
    }
    const climbing = await runCommand('tar', ['-cP', '-C', folder, '--transform', 's,^a$,../a,', 'a']);
    await expect(read(climbing.stdout)).rejects.toThrow('it leaves the archive');
  });

  it('name a file that changed while it was read', async () => {
    const entry = { ...(file([], 'four') as Extract<TreeEntry, { kind: 'file' }>), size: 5 };
    await expect(archiveOf(entries(entry))).rejects.toThrow('from changed while it was read');
  });
});

describe('trees of the host', () => {
  it('refuse what is no file', async () => {
    await runCommand('mkfifo', [join(folder, 'pipe')]);
    await expect(copyTree(hostTree(folder), new TarSink('x', async () => {}))).rejects.toThrow(
      `unsupported file type: ${join(folder, 'pipe')}`,
    );
  });

  it('keep names and targets that are no text, byte for byte, also through an archive', async () => {
    const bytes = (path: string, ...more: number[]) => Buffer.concat([Buffer.from(path), Buffer.from(more)]);
    const from = join(folder, 'from');
    await mkdir(bytes(`${from}/d`, 0xff), { recursive: true });
    await writeFile(Buffer.concat([bytes(`${from}/d`, 0xff), bytes('/f', 0xfe)]), 'x');
    await symlink(bytes('d', 0xff), bytes(`${from}/l`, 0xfd));
    const names = async (root: string) => {
      const { stdout } = await runCommand('find', ['.', '-mindepth', '1'], { cwd: root });
      return stdout.toString('latin1').trim().split('\n').sort();
    };
    await copyTree(hostTree(from), new HostSink({ path: join(folder, 'to'), guestRoot: '/data' }));
    const pieces: Uint8Array[] = [];
    await copyTree(hostTree(join(folder, 'to')), new TarSink('to', async (piece) => void pieces.push(piece)));
    await mkdir(join(folder, 'tar'));
    await runCommand('tar', ['-x', '-C', join(folder, 'tar')], { input: Buffer.concat(pieces) });
    const last = join(folder, 'tar/to');
    expect(await names(from)).toEqual(['./d\xff', './d\xff/f\xfe', './l\xfd']);
    expect(await names(last)).toEqual(await names(from));
    expect(await readlink(bytes(`${last}/l`, 0xfd), { encoding: 'buffer' })).toEqual(bytes('d', 0xff));

    const seen: string[] = [];
    for await (const { path } of tarTree(entriesOf(Buffer.concat(pieces)))) seen.push(path.join('/'));
    expect(seen.sort()).toEqual(['to', 'to/d\xff', 'to/d\xff/f\xfe', 'to/l\xfd']);
  });
});
