import { mkdir, mkdtemp, open, readFile, rm, stat, truncate, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '@microsandbox/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createUpperDisk } from '../src/ext4/create-upper-disk.ts';
import { growImage } from '../src/ext4/grow/grow-image.ts';
import { recoverExt4 } from '../src/ext4/recovery/recover-ext4.ts';
import { Ext4File } from '../src/ext4/stored/ext4-file.ts';
import { dumpFolder } from './dump-folder.ts';
import {
  copySparse,
  debugfs,
  expectClean,
  needsRecovery,
  noE2fsprogs,
  noExt4Mount,
  readAt,
  repair,
  syncMount,
  withExt4,
} from './ext4-kernel.ts';

const MIB = 1024 * 1024;
const JOURNAL_MAGIC = Buffer.from('c03b3998', 'hex');
const noOracle = noExt4Mount ?? noE2fsprogs;

let dir: string;
let image: string;
let mount: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'msb-recovery-'));
  image = join(dir, 'image');
  mount = join(dir, 'mount');
});
afterEach(() => rm(dir, { recursive: true }));

async function recover(path: string): Promise<void> {
  await using file = await Ext4File.open(path, 'write');
  await recoverExt4(file);
}

/** An image as it is behind the kernel's back, after `use` wrote to it. */
async function crash(options: string, use: (folder: string) => Promise<void>): Promise<string> {
  const dirty = join(dir, 'dirty');
  await withExt4(image, mount, options, async () => {
    await use(mount);
    await syncMount(mount);
    await copySparse(image, dirty);
  });
  expect(await needsRecovery(dirty)).toBe(true);
  return dirty;
}

/** Ours and e2fsck's recovery of the same image leave the same bytes, but for superblocks and the journal's start. */
async function expectSameAsE2fsck(dirty: string): Promise<void> {
  const theirs = join(dir, 'theirs');
  await copySparse(dirty, theirs);
  await recover(dirty);
  expect(await needsRecovery(dirty)).toBe(false);
  await repair(theirs, ['-y', '-E', 'journal_only']);
  const journal = await journalStart(dirty);
  const [a, b] = [await readFile(dirty), await readFile(theirs)];
  for (let at = 0; at < a.length; at += 4096) {
    if (at === 0 || at === journal) continue;
    if (!a.subarray(at, at + 4096).equals(b.subarray(at, at + 4096))) {
      expect.fail(`block ${at / 4096} differs from e2fsck's`);
    }
  }
  await expectClean(dirty);
  await repair(theirs);
  const [ours, reference] = [await listing(dirty), await listing(theirs)];
  expect(ours).toEqual(reference);
}

async function journalStart(path: string): Promise<number> {
  const inode = await readAt(path, (1 + 1 + 256 + 2) * 4096 + 7 * 256, 256);
  return inode.readUInt32LE(0x3c) * 4096;
}

/** Repairing makes a folder that nobody else makes. */
async function listing(path: string): Promise<string[]> {
  const lines = await withExt4(path, mount, 'ro,noload', () => dumpFolder(mount));
  return lines.filter((line) => !line.startsWith('/lost+found '));
}

describe.skipIf(noOracle !== null)(
  'the journal of a disk that was not unmounted',
  { timeout: 120_000 },
  () => {
    it('is replayed as e2fsck does it', async () => {
      await createUpperDisk({ path: image, sizeMib: 64 });
      const dirty = await crash('rw', async (folder) => {
        for (let i = 0; i < 200; i++) await writeFile(join(folder, 'upper', `file-${i}`), `content ${i}`);
        await syncMount(folder);
        for (let i = 0; i < 200; i += 3) await unlink(join(folder, 'upper', `file-${i}`));
        await mkdir(join(folder, 'upper/a/b/c'), { recursive: true });
      });
      const before = await readFile(dirty);
      expect(await listing(dirty)).not.toContain(expect.stringContaining('file-1 '));
      await expectSameAsE2fsck(dirty);
      expect((await readFile(dirty)).equals(before)).toBe(false);
      expect((await listing(dirty)).filter((line) => line.includes('/upper/file-'))).toHaveLength(133);
    });

    it('leaves out blocks that were freed and used for something else', async () => {
      await createUpperDisk({ path: image, sizeMib: 32 });
      const content = Buffer.alloc(16 * MIB, 0x5a);
      const dirty = await crash('rw', async (folder) => {
        const many = join(folder, 'upper/many');
        await mkdir(many);
        for (let i = 0; i < 300; i++) await writeFile(join(many, `${i}-${'n'.repeat(200)}`), '');
        await syncMount(folder);
        await rm(many, { recursive: true });
        await syncMount(folder);
        // Takes all blocks that are left, those of the directory too.
        await writeFile(join(folder, 'upper/large'), content);
        await syncMount(folder);
      });
      expect(await debugfs(dirty, 'logdump -a\n')).toContain('revoke table');
      await expectSameAsE2fsck(dirty);
      await withExt4(dirty, mount, 'ro', async () => {
        expect((await readFile(join(mount, 'upper/large'))).equals(content)).toBe(true);
      });
    });

    it('puts blocks right that look like its own', async () => {
      await createUpperDisk({ path: image, sizeMib: 64 });
      const content = Buffer.concat(
        new Array(40).fill(Buffer.concat([JOURNAL_MAGIC, Buffer.alloc(4092, 7)])),
      );
      const dirty = await crash('rw,data=journal', async (folder) => {
        await writeFile(join(folder, 'upper/magic'), content);
      });
      expect(await debugfs(dirty, 'logdump -a\n')).toContain('(flags 0x3)');
      await expectSameAsE2fsck(dirty);
      await withExt4(dirty, mount, 'ro', async () => {
        expect((await readFile(join(mount, 'upper/magic'))).equals(content)).toBe(true);
      });
    });

    it('is replayed after it went round its ring', async () => {
      await createUpperDisk({ path: image, sizeMib: 16 });
      const dirty = await crash('rw,data=journal', async (folder) => {
        const random = new SeededRandom(3);
        for (let round = 0; round < 60; round++) {
          const path = join(folder, 'upper', `f${round % 7}`);
          await writeFile(path, random.bytes(4096 * (1 + random.below(40))));
          if (round % 5 === 0) await syncMount(folder);
        }
      });
      await expectSameAsE2fsck(dirty);
    });

    it('may be empty', async () => {
      await createUpperDisk({ path: image, sizeMib: 16 });
      const dirty = await crash('rw', async () => undefined);
      await expectSameAsE2fsck(dirty);
    });

    it('is replayed again when a recovery was cut off', async () => {
      await createUpperDisk({ path: image, sizeMib: 32 });
      const dirty = await crash('rw', async (folder) => {
        for (let i = 0; i < 50; i++) await writeFile(join(folder, 'upper', `file-${i}`), `content ${i}`);
      });
      const twice = join(dir, 'twice');
      await copySparse(dirty, twice);
      // What a recovery has done just before it empties the journal: all but the superblocks.
      const done = join(dir, 'done');
      await copySparse(dirty, done);
      await recover(done);
      const journal = await journalStart(done);
      const bytes = await readFile(done);
      (await readAt(dirty, 0, 4096)).copy(bytes, 0);
      (await readAt(dirty, journal, 4096)).copy(bytes, journal);
      await writeFile(twice, bytes);
      expect(await needsRecovery(twice)).toBe(true);
      await expectSameAsE2fsck(twice);
    });

    it('is replayed before the disk grows', async () => {
      await createUpperDisk({ path: image, sizeMib: 200 });
      const dirty = await crash('rw', async (folder) => {
        for (let i = 0; i < 100; i++) await writeFile(join(folder, 'upper', `file-${i}`), `content ${i}`);
      });
      const theirs = join(dir, 'theirs');
      await copySparse(dirty, theirs);
      expect(await growImage(dirty, 700 * MIB)).toBe(700 * MIB);
      expect((await stat(dirty)).size).toBe(700 * MIB);
      await expectClean(dirty);
      await repair(theirs);
      expect(await listing(dirty)).toEqual(await listing(theirs));
      await withExt4(dirty, mount, 'rw', async () => {
        await writeFile(join(mount, 'upper/large'), Buffer.alloc(400 * MIB, 1));
      });
      await expectClean(dirty);
    });
  },
);

describe.skipIf(noOracle !== null)('a dirty disk is refused', { timeout: 60_000 }, () => {
  it('while files wait to be deleted', async () => {
    await createUpperDisk({ path: image, sizeMib: 32 });
    await crash('rw', async (folder) => {
      const handle = await open(join(folder, 'upper/gone'), 'w');
      await handle.writeFile('still open');
      await unlink(join(folder, 'upper/gone'));
      await syncMount(folder);
      await copySparse(image, join(dir, 'orphan'));
      await handle.close();
    });
    await expect(growImage(join(dir, 'orphan'), 64 * MIB)).rejects.toMatchObject({
      code: 'image',
      message: 'unsupported ext4 image: filesystem has a pending orphan inode list',
      hint: expect.stringContaining('start the sandbox once'),
    });
    // Linux does what ours leaves to it; then it can grow.
    await withExt4(join(dir, 'orphan'), mount, 'rw', async () => undefined);
    await growImage(join(dir, 'orphan'), 64 * MIB);
    await expectClean(join(dir, 'orphan'));
  });

  it('when it was cut', async () => {
    await createUpperDisk({ path: image, sizeMib: 32 });
    const dirty = await crash('rw', async () => undefined);
    await truncate(dirty, 31 * MIB);
    await expect(growImage(dirty, 64 * MIB)).rejects.toThrow(
      'unsupported ext4 image: file length does not match superblock block count',
    );
  });
});
