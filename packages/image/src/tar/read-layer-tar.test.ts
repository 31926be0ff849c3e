import { createHash } from 'node:crypto';
import { ImageError } from '@microsandbox/types';
import { describe, expect, it } from 'vitest';
import { dumpTar } from '../../test/read-tar.ts';
import {
  gnuLong,
  paxEntry,
  type TarEntry,
  tarArchive,
  tarEntry,
  writeBase256,
  writeChecksum,
} from '../../test/tar-builder.ts';

const EMPTY = sha256('');
const ROOT = '/ directory 755 0 0 0.0';

function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

const read = (...parts: readonly (TarEntry | Uint8Array)[]): Promise<string[]> =>
  dumpTar([tarArchive(...parts)]);

describe('members', () => {
  it('reads every kind', async () => {
    const lines = await read(
      { name: './', type: '5', mode: 0o700, uid: 7 },
      { name: 'd/', type: '5', mode: 0o1777, uid: 1, gid: 2, mtime: 3 },
      { name: 'd/f', body: 'hello', mode: 0o4755 },
      { name: 'd/g', type: '\0', body: 'x', magic: 'none' },
      { name: 'd/h', type: '7', body: 'y', magic: 'gnu' },
      { name: 'd/l', type: '1', linkName: 'd/f' },
      { name: 'd/s', type: '2', linkName: '../\xff', mode: 0o777 },
      { name: 'd/c', type: '3', major: 4, minor: 300 },
      { name: 'd/b', type: '4', major: 8, minor: 1 },
      { name: 'd/p', type: '6' },
      { name: 'd/k', type: '`' },
    );
    const t = '1700000000.0';
    expect(lines).toEqual([
      ROOT,
      '/d directory 1777 1 2 3.0',
      `/d/b block-device 644 0 0 ${t} 8:1`,
      `/d/c char-device 644 0 0 ${t} 4:300`,
      `/d/f file 4755 0 0 ${t} 5 ${sha256('hello')}`,
      `/d/g file 644 0 0 ${t} 1 ${sha256('x')}`,
      `/d/h file 644 0 0 ${t} 1 ${sha256('y')}`,
      `/d/k socket 644 0 0 ${t}`,
      '/d/l = /d/f',
      `/d/p fifo 644 0 0 ${t}`,
      `/d/s symlink 777 0 0 ${t} -> ../\xff`,
    ]);
  });

  it('skips what is no file', async () => {
    const lines = await read(
      { name: 'label', type: 'V' },
      { name: 'odd', type: 'Z', body: 'something' },
      { name: 'global', type: 'g', body: '18 path=elsewhere\n' },
      { name: 'a' },
    );
    expect(lines).toEqual([ROOT, `/a file 644 0 0 1700000000.0 0 ${EMPTY}`]);
  });

  it('takes a V7 name with a slash at its end for a directory', async () => {
    const lines = await read({ name: 'd/', type: '\0', magic: 'none' }, { name: 'd/f', magic: 'none' });
    expect(lines[1]).toMatch(/^\/d directory/);
  });

  it('ignores the size field of members without a body', async () => {
    expect(await read({ name: 's', type: '2', linkName: 'x', size: 4096 }, { name: 'z' })).toHaveLength(3);
  });

  it('reads an archive without end marker, and none at all', async () => {
    expect(await dumpTar([tarEntry({ name: 'a', body: 'x' })])).toHaveLength(2);
    expect(await dumpTar([tarEntry({ name: 'a', body: 'x' }).subarray(0, 513)])).toHaveLength(2);
    expect(await dumpTar([])).toEqual([ROOT]);
    expect(await dumpTar([Buffer.alloc(10_240)])).toEqual([ROOT]);
  });

  it('ignores what follows the end marker, but reads it', async () => {
    let drained = false;
    async function* chunks(): AsyncGenerator<Uint8Array> {
      yield tarArchive({ name: 'a' });
      yield Buffer.alloc(5000, 'x');
      drained = true;
    }
    const { readLayerTar } = await import('./read-layer-tar.ts');
    const tree = await readLayerTar(chunks(), { spoolPath: '/nonexistent/spool' });
    expect([...tree.root.children.keys()]).toEqual(['a']);
    expect(drained).toBe(true);
  });
});

describe('long names and numbers', () => {
  const long = `${'d'.repeat(120)}/${'f'.repeat(130)}`;

  it('joins the ustar prefix, and leaves what GNU keeps in its place', async () => {
    expect((await read({ name: 'f', prefix: 'a/b' })).map((line) => line.split(' ')[0])).toEqual([
      '/',
      '/a',
      '/a/b',
      '/a/b/f',
    ]);
    expect((await read({ name: 'f', prefix: '12345', magic: 'gnu' }))[1]).toMatch(/^\/f file/);
  });

  it('reads GNU long names and links', async () => {
    const lines = await read(
      gnuLong('K', 't'.repeat(300)),
      gnuLong('L', long),
      { name: 'cut', type: '2', linkName: 'cut', magic: 'gnu' },
      { name: 'z' },
    );
    expect(lines[2]).toBe(`/${long} symlink 644 0 0 1700000000.0 -> ${'t'.repeat(300)}`);
    expect(lines[3]).toMatch(/^\/z file/);
  });

  it('reads PAX path, linkpath, size, uid and gid', async () => {
    const lines = await read(
      paxEntry({ path: long, uid: '4000000000', gid: '70000', size: '3', mtime: '1.5' }),
      { name: 'x', body: 'abc', size: 0 },
      paxEntry({ linkpath: 'ü/\xff' }),
      { name: 'y', type: '2', linkName: 'other' },
    );
    expect(lines[2]).toBe(`/${long} file 644 4000000000 70000 1700000000.0 3 ${sha256('abc')}`);
    expect(lines[3]).toMatch(/-> ü\/\xff$/);
  });

  it('reads base-256 sizes, ids and times', async () => {
    const corrupt = (record: Buffer): void => {
      writeBase256(record, 108, 8, 4_000_000_000n);
      writeBase256(record, 136, 12, -5n);
      writeChecksum(record);
    };
    const lines = await read({ name: 'x', body: 'abc', size: 3n, corrupt });
    expect(lines[1]).toBe(`/x file 644 4000000000 0 -5.0 3 ${sha256('abc')}`);
  });

  it('takes defaults for numbers that it cannot read', async () => {
    const corrupt = (record: Buffer): void => {
      record.write('zzzzzzz\0zzzzzzz\0zzzzzzz\0', 100, 'latin1');
      record.write('zzzz', 136, 'latin1');
      writeChecksum(record);
    };
    expect((await read({ name: 'x', corrupt }))[1]).toBe(`/x file 644 0 0 0.0 0 ${EMPTY}`);
  });

  it('applies an extension header to one member only', async () => {
    const lines = await read(paxEntry({ path: 'a' }), { name: 'x' }, { name: 'y' });
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['/', '/a', '/y']);
  });
});

describe('extended attributes', () => {
  it('keeps the families that a file system stores', async () => {
    const lines = await read(
      paxEntry({
        'SCHILY.xattr.security.capability': '\x01\0\0\x02',
        'SCHILY.xattr.user.b': '=\n',
        'SCHILY.xattr.trusted.t': 'x',
        'SCHILY.xattr.system.posix_acl_access': 'x',
        'SCHILY.xattr.trusted.overlay.opaque': 'y',
        'SCHILY.xattr.trusted.overlay.redirect': '/etc',
        'SCHILY.xattr.user.': 'x',
      }),
      { name: 'f' },
      paxEntry({ 'SCHILY.xattr.user.d': 'e' }),
      { name: 'g/', type: '5' },
    );
    expect(lines[1]).toContain('security.capability=01000002 user.b=3d0a trusted.t=78 0 ');
    expect(lines[2]).toMatch(/^\/g directory .* user\.d=65$/);
  });

  it('bounds them', async () => {
    await expect(
      read(paxEntry({ 'SCHILY.xattr.user.x': 'x'.repeat(65_536) }), { name: 'f' }),
    ).rejects.toThrow('extended attributes too large: "f"');
    await expect(
      read(paxEntry({ [`SCHILY.xattr.user.${'x'.repeat(251)}`]: '' }), { name: 'f' }),
    ).resolves.toBeDefined();
    await expect(
      read(paxEntry({ [`SCHILY.xattr.user.${'x'.repeat(251)}`]: 'v' }), { name: 'f' }),
    ).rejects.toThrow(ImageError);
  });
});

describe('insertion', () => {
  const paths = async (...parts: TarEntry[]): Promise<string[]> =>
    (await read(...parts)).map((line) => line.split(' ').slice(0, 3).join(' '));

  it('makes missing parents', async () => {
    expect(await read({ name: 'a/b/c' })).toEqual([
      ROOT,
      '/a directory 755 0 0 0.0',
      '/a/b directory 755 0 0 0.0',
      `/a/b/c file 644 0 0 1700000000.0 0 ${EMPTY}`,
    ]);
  });

  it('keeps children when a directory comes again', async () => {
    const entries: TarEntry[] = [
      { name: 'a', type: '5', mode: 0o700 },
      { name: 'a/b' },
      { name: 'a', type: '5', mode: 0o711 },
    ];
    expect(await paths(...entries)).toEqual(['/ directory 755', '/a directory 711', '/a/b file 644']);
  });

  it('lets the later entry win', async () => {
    expect(await paths({ name: 'a' }, { name: 'a', mode: 0o600 })).toContain('/a file 600');
    expect(
      await paths({ name: 'a', type: '2', linkName: 'x' }, { name: 'a', type: '5', mode: 0o755 }),
    ).toContain('/a directory 755');
  });

  it('keeps the other names of a replaced file', async () => {
    const lines = await read(
      { name: 'a', body: '1' },
      { name: 'b', type: '1', linkName: './a' },
      { name: 'a', body: '2' },
      { name: 'c', type: '1', linkName: '/b' },
    );
    expect(lines.slice(1)).toEqual([
      `/a file 644 0 0 1700000000.0 1 ${sha256('2')}`,
      `/b file 644 0 0 1700000000.0 1 ${sha256('1')}`,
      '/c = /b',
    ]);
  });

  it('turns whiteouts into devices and marks', async () => {
    const lines = await read(
      { name: 'd/', type: '5', mode: 0o700 },
      { name: 'd/.wh..wh..opq', body: 'ignored' },
      { name: 'd/.wh..wh..opq' },
      { name: 'd/.wh.gone', mode: 0o600, uid: 5, body: 'ignored' },
      { name: 'd/.wh.link', type: '2', linkName: 'x' },
      { name: 'd/.wh.' },
      { name: 'd/.wh.dir/', type: '5' },
      { name: 'e/.wh..wh..opq' },
      { name: '.wh..wh..opq' },
    );
    expect(lines).toEqual([
      `${ROOT} trusted.overlay.opaque=79`,
      '/d directory 700 0 0 1700000000.0 trusted.overlay.opaque=79',
      `/d/.wh. file 644 0 0 1700000000.0 0 ${EMPTY}`,
      '/d/.wh.dir directory 644 0 0 1700000000.0',
      '/d/gone char-device 600 5 0 1700000000.0 0:0',
      '/d/link char-device 644 0 0 1700000000.0 0:0',
      '/e directory 755 0 0 0.0 trusted.overlay.opaque=79',
    ]);
  });

  it.each<[string, TarEntry[]]>([
    ['not a directory: "a"', [{ name: 'a' }, { name: 'a/b' }]],
    ['not a directory: "a"', [{ name: 'a', type: '2', linkName: '/etc' }, { name: 'a/b' }]],
    ['entry already exists: "a"', [{ name: 'a/b' }, { name: 'a' }]],
    ['entry already exists: "a"', [{ name: 'a/b' }, { name: '.wh.a' }]],
    ['hardlink target not found: "b"', [{ name: 'a', type: '1', linkName: 'b' }]],
    ['hardlink target not found: "a/b"', [{ name: 'a' }, { name: 'c', type: '1', linkName: 'a/b' }]],
    [
      'hardlink target is not a regular file: "d"',
      [{ name: 'd/x' }, { name: 'c', type: '1', linkName: 'd' }],
    ],
    ['hardlink target is not a regular file: ""', [{ name: 'c', type: '1', linkName: '/' }]],
    ['path traversal in tar: "../x"', [{ name: 'a' }, { name: 'c', type: '1', linkName: '../x' }]],
    ['path traversal in tar: "../x"', [{ name: '../x' }]],
    ['symlink with no target: "a"', [{ name: 'a', type: '2' }]],
    ['invalid whiteout in tar: ".wh.."', [{ name: '.wh..' }]],
  ])('refuses: %s', async (message, entries) => {
    await expect(read(...entries)).rejects.toThrow(new ImageError(message));
  });
});
