import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ImageError } from '@microsandbox/types';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { goldenLayer0, goldenLayer1 } from '../../test/golden-trees.ts';
import { createDirectory, isOpaque, isWhiteout } from '../tree/nodes.ts';
import { ErofsReader } from './erofs-reader.ts';
import { isValidErofs } from './is-valid-erofs.ts';
import { readErofsLayer } from './read-erofs-layer.ts';
import { writeErofs } from './write-erofs.ts';

let dir: string;
let path: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'msb-reader-'));
  path = join(dir, 'image');
});
afterEach(() => rm(dir, { recursive: true }));

async function paths(reader: ErofsReader): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of reader.walk()) found.push(`${entry.node.kind} ${entry.path}`);
  return found;
}

describe('ErofsReader', () => {
  it('finds, reads and lists', async () => {
    await writeErofs(goldenLayer0(), path);
    await using reader = await ErofsReader.open(path);
    expect(await paths(reader)).toEqual([
      'directory ',
      'directory bin',
      'file bin/ash',
      'file bin/sh',
      'directory dev',
      'char-device dev/null',
      'directory etc',
      'file etc/empty',
      'file etc/hostname',
      'symlink lib',
    ]);
    expect((await reader.readFile('/bin/sh')).equals(Buffer.alloc(5000, 'A'))).toBe(true);
    expect(await reader.readFile('etc/empty')).toHaveLength(0);
    expect((await reader.readLink('lib')).toString()).toBe('usr/lib');
    expect(await reader.fileExtent('bin/sh')).toEqual({ startBlock: 2, size: 5000 });
    expect((await reader.lookup('/'))?.node.kind).toBe('directory');
    expect((await reader.lookup('bin/sh'))?.nid).toBe((await reader.lookup('bin/ash'))?.nid);
    expect((await reader.lookup('/dev//null/'))?.node).toMatchObject({
      kind: 'char-device',
      major: 1,
      minor: 3,
    });
  });

  it.each(['nothing', 'bin/sh/x', 'bin/shh', 'bin/s', 'lib/x', 'bin/..', './bin', '\xff'])(
    'finds no %j',
    async (name) => {
      await writeErofs(goldenLayer0(), path);
      await using reader = await ErofsReader.open(path);
      expect(await reader.lookup(name)).toBeNull();
    },
  );

  it('says what kind a thing is instead', async () => {
    await writeErofs(goldenLayer0(), path);
    await using reader = await ErofsReader.open(path);
    await expect(reader.readFile('bin')).rejects.toThrow('not a file: "bin" is a directory');
    await expect(reader.readLink('nowhere')).rejects.toThrow(/^not found in .*: "nowhere"$/);
  });

  it('shows whiteouts and marks', async () => {
    await writeErofs(goldenLayer1(), path);
    const { tree } = await readErofsLayer(path);
    const etc = tree.root.children.get('etc');
    const lib = tree.root.children.get('lib');
    expect(etc?.kind === 'directory' && isOpaque(etc)).toBe(true);
    expect(lib !== undefined && isWhiteout(lib)).toBe(true);
  });

  it('finds every name of a directory of many blocks', async () => {
    const root = createDirectory();
    const names = Array.from({ length: 3000 }, (_, i) => `${'!-.a~\xff'[i % 6]}${i}`);
    for (const name of names) {
      root.children.set(name, {
        kind: 'fifo',
        mode: 0,
        uid: 0,
        gid: 0,
        mtime: names.indexOf(name),
        mtimeNsec: 0,
      });
    }
    await writeErofs({ root }, path);
    await using reader = await ErofsReader.open(path);
    for (const [i, name] of names.entries()) {
      expect((await reader.lookup(name))?.node, name).toMatchObject({ mtime: i });
    }
  });
});

describe('isValidErofs', () => {
  it('accepts whole images only', async () => {
    expect(await isValidErofs(path)).toBe(false);
    expect(await isValidErofs(dir)).toBe(false);
    await writeFile(path, '');
    expect(await isValidErofs(path)).toBe(false);
    await writeFile(path, Buffer.alloc(8192));
    expect(await isValidErofs(path)).toBe(false);
    await writeErofs(goldenLayer0(), path);
    expect(await isValidErofs(path)).toBe(true);
    await truncate(path, 16_384);
    expect(await isValidErofs(path)).toBe(false);
    await truncate(path, 20_480);
    expect(await isValidErofs(path)).toBe(true);
    await truncate(path, 20_481);
    expect(await isValidErofs(path)).toBe(false);
  });

  it('sees a root that is gone, and a changed superblock', async () => {
    await writeErofs(goldenLayer0(), path);
    const image = await readFile(path);
    await writeFile(path, Buffer.concat([image.subarray(0, 4096), Buffer.alloc(image.length - 4096)]));
    expect(await isValidErofs(path)).toBe(false);
    image[1024 + 0x28] = 2;
    await writeFile(path, image);
    expect(await isValidErofs(path)).toBe(false);
    await expect(ErofsReader.open(path)).rejects.toThrow(ImageError);
  });
});
