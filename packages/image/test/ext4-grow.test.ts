import { copyFile, mkdtemp, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '@microsandbox/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createUpperDisk } from '../src/ext4/create-upper-disk.ts';
import { formatExt4 } from '../src/ext4/format-ext4.ts';
import { growImage } from '../src/ext4/grow/grow-image.ts';
import { growUpperDisk } from '../src/ext4/grow/grow-upper-disk.ts';
import { validateExt4Image } from '../src/ext4/stored/validate-ext4-image.ts';
import { sealSuperblock } from '../src/ext4/superblock.ts';
import { dumpFolder } from './dump-folder.ts';
import { expectClean, noE2fsprogs, noExt4Mount, readAt, withExt4, writeAt } from './ext4-kernel.ts';
import { randomExt4Tree } from './ext4-tree.ts';
import { makeLegacy } from './legacy-ext4.ts';

const MIB = 1024 * 1024;

let dir: string;
let image: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'msb-grow-'));
  image = join(dir, 'image');
});
afterEach(() => rm(dir, { recursive: true }));

async function expectSound(): Promise<void> {
  await validateExt4Image(image);
  if (noE2fsprogs === null) await expectClean(image);
}

describe('growImage', () => {
  // Within a group, to a group's end, into groups with and without superblock, into new descriptor blocks.
  it.each([
    [8, 9],
    [64, 128],
    [64, 200],
    [128, 256],
    [140, 141],
    [200, 1160],
    [256, 4096],
    [4096, 8192],
    [4096, 8320],
    [4096, 40_000],
  ])('from %i to %i MiB', { timeout: 60_000 }, async (from, to) => {
    await createUpperDisk({ path: image, sizeMib: from });
    expect(await growImage(image, to * MIB)).toBe(to * MIB);
    expect((await stat(image)).size).toBe(to * MIB);
    await expectSound();
  });

  it('again and again', { timeout: 60_000 }, async () => {
    await createUpperDisk({ path: image, sizeMib: 32 });
    for (const size of [40, 128, 300, 1000, 8000, 9000, 17_000]) {
      await growImage(image, size * MIB);
      await expectSound();
    }
  });

  it('keeps little on the disk', async () => {
    await createUpperDisk({ path: image, sizeMib: 64 });
    await growImage(image, 16_384 * MIB);
    expect((await stat(image)).blocks * 512).toBeLessThan(6 * MIB);
  });

  it('gives the bytes of a disk that was made large', async () => {
    const tree = randomExt4Tree(5);
    const uuid = Buffer.alloc(16, 7);
    const large = join(dir, 'large');
    const common = { journalBlocks: 1024, uuid, tree, mode: 'rootfs' } as const;
    await formatExt4({ path: image, sizeBytes: 200 * MIB, ...common });
    await formatExt4({ path: large, sizeBytes: 600 * MIB, ...common });
    await growImage(image, 600 * MIB);
    const [a, b] = await Promise.all([readFile(image), readFile(large)]);
    expect(a.equals(b)).toBe(true);
  });

  it.skipIf(noExt4Mount !== null)(
    'keeps what Linux wrote, and Linux uses all of it',
    { timeout: 60_000 },
    async () => {
      const mount = join(dir, 'mount');
      await createUpperDisk({ path: image, sizeMib: 100 });
      const before = await withExt4(image, mount, 'rw', async () => {
        for (let i = 0; i < 200; i++)
          await writeFile(join(mount, 'upper', `f${i}`), Buffer.alloc(i * 999, i));
        return dumpFolder(mount);
      });
      await growImage(image, 9000 * MIB);
      await expectClean(image);
      await withExt4(image, mount, 'rw', async () => {
        expect(await dumpFolder(mount)).toEqual(before);
        await writeFile(join(mount, 'upper/large'), Buffer.alloc(600 * MIB, 1));
      });
      await expectClean(image);
      await growImage(image, 9100 * MIB);
      await expectClean(image);
    },
  );

  it('grows disks of releases up to 0.6.8', async () => {
    await createUpperDisk({ path: image, sizeMib: 200 });
    await makeLegacy(image);
    await growImage(image, 1000 * MIB);
    await growImage(image, 9000 * MIB);
    const superblock = await readAt(image, 1024, 1024);
    expect(superblock.readUInt32LE(0x5c)).toBe(0x2c);
    expect(superblock.readUInt32LE(0x04)).toBe((9000 * MIB) / 4096);
    await validateExt4Image(image);
    if (noExt4Mount !== null) return;
    await withExt4(image, join(dir, 'mount'), 'rw', async () => {
      await writeFile(join(dir, 'mount/upper/large'), Buffer.alloc(300 * MIB, 1));
    });
  });

  it('takes back what it did when it fails', async () => {
    await createUpperDisk({ path: image, sizeMib: 100 });
    const before = await readFile(image);
    const abort = new AbortController();
    let checks = 0;
    const signal = new Proxy(abort.signal, {
      get: (target, key) => {
        if (key === 'throwIfAborted' && ++checks === 8) abort.abort();
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    await expect(growImage(image, 3000 * MIB, { signal })).rejects.toThrow('aborted');
    expect((await readFile(image)).equals(before)).toBe(true);
    await growImage(image, 3000 * MIB);
    await expectSound();
  });
});

describe('growImage refuses', () => {
  it.each([
    [
      32 * MIB,
      'cannot grow image from 33554432 to 33554432 bytes: the new size must be larger than the current size',
    ],
    [
      16 * MIB,
      'cannot grow image from 33554432 to 16777216 bytes: the new size must be larger than the current size',
    ],
    [64 * MIB + 1, 'image size must be aligned to 4096 bytes'],
    [
      129 * MIB,
      'block group 1 has 256 blocks but needs at least 772 metadata blocks; choose a size that leaves either no ' +
        'partial group or a larger final group',
    ],
  ])('a size of %i bytes', async (size, reason) => {
    await createUpperDisk({ path: image, sizeMib: 32 });
    await expect(growImage(image, size)).rejects.toMatchObject({
      code: 'invalidConfig',
      message: `invalid ext4 image size: ${reason}`,
    });
  });

  it('sizes that the descriptors have no room for', async () => {
    await createUpperDisk({ path: image, sizeMib: 32 });
    await expect(growImage(image, 3 * 2 ** 40)).rejects.toMatchObject({
      code: 'invalidConfig',
      message:
        'cannot grow ext4 image to 3298534883328 bytes: group descriptor capacity allows at most 2207613190144 ' +
        'bytes; recreate the image to grow beyond this',
    });
    await expect(growImage(image, 2 ** 45)).rejects.toThrow(
      'image is too large for ext4 formatting: requested 8589934592 blocks, maximum is 4294967295 blocks',
    );
  });

  it('what is no disk', async () => {
    await expect(growImage(join(dir, 'absent'), 64 * MIB)).rejects.toMatchObject({ code: 'image' });
    await expect(growImage(dir, 64 * MIB)).rejects.toMatchObject({ code: 'image' });
    await writeFile(image, 'short');
    await expect(growImage(image, 64 * MIB)).rejects.toThrow(
      'unsupported ext4 image: file too small to contain an ext4 superblock',
    );
    await truncate(image, 32 * MIB);
    await expect(growImage(image, 64 * MIB)).rejects.toThrow('unsupported ext4 image: bad superblock magic');
  });
});

describe('growUpperDisk', () => {
  it('leaves large enough disks alone, cuts what cannot be used, and refuses what cannot be', async () => {
    await createUpperDisk({ path: image, sizeMib: 128 });
    const before = await readFile(image);
    for (const sizeMib of [1, 128, 129]) await growUpperDisk({ path: image, sizeMib });
    expect((await readFile(image)).equals(before)).toBe(true);
    await growUpperDisk({ path: image, sizeMib: 257 });
    expect((await stat(image)).size).toBe(256 * MIB);
    await growUpperDisk({ path: image, sizeMib: 300 });
    expect((await stat(image)).size).toBe(300 * MIB);
    await expectSound();
    await expect(growUpperDisk({ path: image, sizeMib: 2_200_000 })).rejects.toMatchObject({
      code: 'invalidConfig',
      message:
        'cannot grow oci upper size to 2200000 MiB: the existing upper.ext4 can grow to at most 2105344 MiB; ' +
        'recreate the sandbox for a larger upper',
    });
  });

  it('does not call every wrong configuration one of capacity', async () => {
    await createUpperDisk({ path: image, sizeMib: 32 });
    await expect(growUpperDisk({ path: image, sizeMib: 2 ** 25 })).rejects.toThrow('too large for ext4');
  });
});

describe('disks that were changed since they were made are refused', () => {
  const SUPERBLOCK = 1024;
  const INODES = (1 + 1 + 256 + 2) * 4096;
  /** Byte to change, with the checksum of what it is in left wrong. */
  const damages: readonly (readonly [reason: string, at: number])[] = [
    ['superblock checksum mismatch', SUPERBLOCK + 0x0c],
    ['group 0 descriptor checksum mismatch', 4096 + 0x0c],
    ['group 1 descriptor checksum mismatch', 4096 + 64 + 0x1a],
    ['group 1 metadata is not at the expected location', 4096 + 64],
    ['group 1 has unexpected flags', 4096 + 64 + 0x12],
    ['resize inode checksum mismatch', INODES + 6 * 256 + 0x1c],
    ['resize inode double-indirect pointer 3 is invalid', (1 + 1 + 256 + 2 + 512) * 4096 + 12],
    ['reserved GDT pointer block 9 is invalid', 9 * 4096 + 1],
  ];
  it.each(damages)('%s', async (reason, at) => {
    await createUpperDisk({ path: image, sizeMib: 200 });
    const [byte] = await readAt(image, at, 1);
    await writeAt(image, at, Buffer.from([(byte as number) ^ 0x20]));
    const attempt = growImage(image, 400 * MIB);
    await expect(attempt).rejects.toMatchObject({
      code: 'image',
      message: `unsupported ext4 image: ${reason}`,
    });
    expect((await stat(image)).size).toBe(200 * MIB);
  });

  const fields: readonly (readonly [reason: string, at: number, value: number])[] = [
    ['unexpected revision level', 0x4c, 0],
    ['unexpected block size', 0x18, 0],
    ['unexpected cluster size', 0x1c, 3],
    ['unexpected blocks per group', 0x20, 8192],
    ['unexpected clusters per group', 0x24, 8192],
    ['unexpected inodes per group', 0x28, 8000],
    ['unexpected inode size', 0x58, 128],
    ['unexpected group descriptor size', 0xfe, 32],
    ['unexpected first data block', 0x14, 1],
    ['unexpected first inode', 0x54, 12],
    ['not a primary superblock', 0x5a, 1],
    ['unexpected metadata checksum type', 0x175, 2],
    ['unexpected flex_bg/meta_bg layout', 0x174, 4],
    ['superblock error count is nonzero', 0x194, 1],
    ['filesystem state is not clean (s_state != 1)', 0x3a, 3],
    ['implausible block count', 0x150, 5],
    ['file length does not match superblock block count', 0x04, 51_201],
    ['inode count does not match group count', 0x00, 8192],
    ['group 0 metadata does not fit its group', 0xce, 40_000],
    ['filesystem has a pending orphan inode list', 0xe8, 12],
    ['feature flags do not match this formatter (compat=0x23c, incompat=0xc2, ro_compat=0x46b)', 0x5c, 0x23c],
    ['feature flags do not match this formatter (compat=0x3c, incompat=0x2c2, ro_compat=0x46b)', 0x60, 0x2c2],
    ['feature flags do not match this formatter (compat=0x3c, incompat=0xc2, ro_compat=0x44b)', 0x64, 0x44b],
    ['legacy image has a non-empty resize inode', 0x5c, 0x2c],
  ];
  it.each(fields)('%s (%i)', async (reason, at, value) => {
    await createUpperDisk({ path: image, sizeMib: 200 });
    const superblock = await readAt(image, SUPERBLOCK, 1024);
    const width = [0x58, 0xfe, 0x5a, 0x3a, 0xce].includes(at) ? 2 : at > 0x170 && at < 0x180 ? 1 : 4;
    superblock.writeUIntLE(value, at, width);
    sealSuperblock(superblock);
    await writeAt(image, SUPERBLOCK, superblock);
    await expect(growImage(image, 400 * MIB)).rejects.toThrow(`unsupported ext4 image: ${reason}`);
    expect((await stat(image)).size).toBe(200 * MIB);
  });

  it.each([
    ['legacy image root directory is not immediately after the inode table', 'root'],
    ['legacy image reserved GDT block 9 is not zeroed', 'reserved'],
  ] as const)('%s', async (reason, what) => {
    await createUpperDisk({ path: image, sizeMib: 200 });
    await makeLegacy(image, { keepRoot: what === 'root' });
    if (what === 'reserved') await writeAt(image, 9 * 4096 + 100, Buffer.from([1]));
    await expect(growImage(image, 400 * MIB)).rejects.toThrow(`unsupported ext4 image: ${reason}`);
  });
});

describe('validateExt4Image', () => {
  it('accepts random file systems', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const tree = randomExt4Tree(seed);
      await formatExt4({ path: image, sizeBytes: 140 * MIB, tree, mode: 'rootfs' });
      await validateExt4Image(image);
    }
  });

  it('accepts trees of extents that Linux made', { timeout: 60_000 }, async (context) => {
    if (noExt4Mount !== null) return context.skip(noExt4Mount);
    await createUpperDisk({ path: image, sizeMib: 100 });
    const mount = join(dir, 'mount');
    await withExt4(image, mount, 'rw', async () => {
      // A hole after every block: an extent each.
      const handle = await open(join(mount, 'upper/holes'), 'w');
      for (let i = 0; i < 3000; i++) await handle.write(Buffer.alloc(4096, 1), 0, 4096, i * 8192);
      await handle.close();
    });
    await growImage(image, 140 * MIB);
    await validateExt4Image(image);
  });

  it('finds a wrong bit wherever something is stored', { timeout: 60_000 }, async () => {
    const tree = randomExt4Tree(11);
    const good = join(dir, 'good');
    await formatExt4({ path: good, sizeBytes: 8 * MIB, journalBlocks: 1024, tree, mode: 'rootfs' });
    const inodes = (1 + 1 + 256 + 2) * 4096;
    const places: readonly (readonly [from: number, to: number])[] = [
      [1024, 2048],
      [4096, 4096 + 64],
      [258 * 4096, 259 * 4096],
      [259 * 4096, 259 * 4096 + 1024],
      [inodes + 10 * 256, inodes + 11 * 256],
      [inodes + 256, inodes + 2 * 256],
    ];
    const random = new SeededRandom(12);
    for (const [from, to] of places) {
      for (let i = 0; i < 25; i++) {
        await copyFile(good, image);
        const at = from + random.below(to - from);
        const [byte] = await readAt(image, at, 1);
        await writeAt(image, at, Buffer.from([(byte as number) ^ (1 << random.below(8))]));
        await expect(validateExt4Image(image), `byte ${at}`).rejects.toThrow('unsupported ext4 image: ');
      }
    }
  });
});
