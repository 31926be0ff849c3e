import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '@microsandbox/test-utils';
import { FUZZ_SECONDS, fuzzSeeds } from '@microsandbox/test-utils/fuzz';
import { MicrosandboxError } from '@microsandbox/types';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { crc32c } from '../src/checksum/crc32c.ts';
import { createUpperDisk } from '../src/ext4/create-upper-disk.ts';
import { recoverExt4 } from '../src/ext4/recovery/recover-ext4.ts';
import { Ext4File } from '../src/ext4/stored/ext4-file.ts';
import {
  copySparse,
  expectClean,
  needsRecovery,
  noE2fsprogs,
  readAt,
  repair,
  writeAt,
} from './ext4-kernel.ts';
import { journalOf, type TestJournal, type TestTransaction, writeLog } from './journal-writer.ts';

const BLOCK = 4096;
/** Free in every image of these tests: behind journal and root directory. */
const FREE = 1900;

let dir: string;
let image: string;
let journal: TestJournal;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'msb-journal-'));
  image = join(dir, 'image');
  await createUpperDisk({ path: image, sizeMib: 8 });
  journal = await journalOf(image);
  expect(journal.start + journal.blocks).toBeLessThan(FREE);
});
afterEach(() => rm(dir, { recursive: true }));

async function recover(): Promise<void> {
  await using file = await Ext4File.open(image, 'write');
  await recoverExt4(file);
}

function block(fill: number): Buffer {
  return Buffer.alloc(BLOCK, fill);
}

function blockAt(number: number): Promise<Buffer> {
  return readAt(image, number * BLOCK, BLOCK);
}

/** Recovers an image by ours and a copy by e2fsck; the free blocks and the journal's superblock must be equal. */
async function expectSameAsE2fsck(): Promise<void> {
  const theirs = join(dir, 'theirs');
  if (noE2fsprogs === null) await copySparse(image, theirs);
  await recover();
  expect(await needsRecovery(image)).toBe(false);
  const log = await blockAt(journal.start);
  expect(log.readUInt32BE(0x1c)).toBe(0);
  if (noE2fsprogs !== null) return;
  await repair(theirs, ['-y', '-E', 'journal_only']);
  const [a, b] = [await readFile(image), await readFile(theirs)];
  for (let at = BLOCK; at < a.length; at += BLOCK) {
    if (at === journal.start * BLOCK) continue;
    if (!a.subarray(at, at + BLOCK).equals(b.subarray(at, at + BLOCK)))
      expect.fail(`block ${at / BLOCK} differs`);
  }
  await expectClean(image);
}

describe('replays', () => {
  it('the last write of a block', async () => {
    await writeLog(image, [
      {
        writes: [
          [FREE, block(1)],
          [FREE + 1, block(2)],
        ],
      },
      { writes: [[FREE, block(3)]] },
    ]);
    await expectSameAsE2fsck();
    expect([await blockAt(FREE), await blockAt(FREE + 1)]).toEqual([block(3), block(2)]);
  });

  it('nothing that the same or a later transaction revokes, but what comes after', async () => {
    await writeLog(image, [
      {
        writes: [
          [FREE, block(1)],
          [FREE + 1, block(1)],
          [FREE + 2, block(1)],
          [FREE + 3, block(1)],
        ],
      },
      {
        revokes: [FREE, FREE + 1, 900_000_000_000],
        writes: [
          [FREE + 1, block(2)],
          [FREE + 2, block(2)],
        ],
      },
      { revokes: [FREE + 3], writes: [[FREE, block(3)]] },
    ]);
    await expectSameAsE2fsck();
    const found = [FREE, FREE + 1, FREE + 2, FREE + 3].map(blockAt);
    expect(await Promise.all(found)).toEqual([block(3), block(0), block(2), block(0)]);
  });

  it('blocks that begin with the magic number', async () => {
    const content = block(9);
    content.writeUInt32BE(0xc03b3998, 0);
    await writeLog(image, [{ writes: [[FREE, content]] }]);
    await expectSameAsE2fsck();
    expect(await blockAt(FREE)).toEqual(content);
  });

  it('a log that goes round the ring', async () => {
    const writes = Array.from({ length: 30 }, (_, i) => [FREE + i, block(i + 1)] as const);
    await writeLog(image, [{ writes }, { revokes: [FREE + 3], writes: [[FREE, block(99)]] }], {
      logStart: journal.blocks - 10,
    });
    await expectSameAsE2fsck();
    expect([await blockAt(FREE), await blockAt(FREE + 3), await blockAt(FREE + 29)]).toEqual([
      block(99),
      block(0),
      block(30),
    ]);
  });

  it('many blocks with several descriptors, and sequence numbers beyond 32 bits', async () => {
    const writes = Array.from({ length: 500 }, (_, i) => [FREE + (i % 100), block(i % 251)] as const);
    await writeLog(image, [{ writes }, { writes: [[FREE, block(77)]] }, {}], { sequence: 0xffff_fffe });
    await expectSameAsE2fsck();
    expect(await blockAt(FREE)).toEqual(block(77));
    // The number that follows the log's is left out: a block of an unfinished transaction may carry it.
    expect((await blockAt(journal.start)).readUInt32BE(0x18)).toBe(2);
  });

  it.each(['commit', 'no commit'] as const)(
    'what comes before a last transaction with a damaged or absent commit block: %s',
    async (damage) => {
      await writeLog(image, [{ writes: [[FREE, block(1)]] }, { writes: [[FREE, block(2)]], damage }]);
      await expectSameAsE2fsck();
      expect(await blockAt(FREE)).toEqual(block(1));
    },
  );

  it.each(['data', 'descriptor'] as const)(
    'what comes before a last transaction with a damaged %s',
    async (damage) => {
      await writeLog(image, [
        { writes: [[FREE, block(1)]] },
        {
          writes: [
            [FREE, block(2)],
            [FREE + 1, block(2)],
          ],
          damage,
        },
      ]);
      await recover();
      expect([await blockAt(FREE), await blockAt(FREE + 1)]).toEqual([block(1), block(0)]);
      expect(await needsRecovery(image)).toBe(false);
    },
  );
});

describe('refuses, and leaves as it was', () => {
  type Refused = readonly [what: string, reason: string, transactions: () => readonly TestTransaction[]];
  const damagedMiddle = (damage: NonNullable<TestTransaction['damage']>): Refused => [
    `a damaged ${damage} in the middle`,
    'journal transaction 8 is damaged',
    () => [
      { writes: [[FREE, block(1)]] },
      { writes: [[FREE, block(2)]], damage },
      { writes: [[FREE, block(3)]] },
    ],
  ];
  const refused: readonly Refused[] = [
    damagedMiddle('data'),
    damagedMiddle('descriptor'),
    damagedMiddle('commit'),
    [
      'targets behind the end',
      "journal transaction 7 writes block 2048 beyond the filesystem's 2048 blocks",
      () => [{ writes: [[2048, block(1)]] }],
    ],
    [
      'targets of 64 bits',
      "journal transaction 7 writes block 4294967297 beyond the filesystem's 2048 blocks",
      () => [{ writes: [[2 ** 32 + 1, block(1)]] }],
    ],
    [
      'targets in the journal',
      `journal transaction 7 writes block 800 inside the journal itself`,
      () => [{ writes: [[800, block(1)]] }],
    ],
    [
      'a log without end',
      'journal log walk exceeded the journal size',
      () => [{ revokes: new Array<number>(1023 * 500).fill(FREE), damage: 'no commit' }],
    ],
  ];
  it.each(refused)('%s', async (_, reason, transactions) => {
    await writeLog(image, transactions());
    const before = await readFile(image);
    await expect(recover()).rejects.toMatchObject({
      code: 'image',
      message: `unsupported ext4 image: ${reason}`,
    });
    expect((await readFile(image)).equals(before)).toBe(true);
  });

  const superblocks: readonly (readonly [reason: string, at: number, value: number])[] = [
    ['superblock has bad magic or block type', 0x04, 3],
    ['checksum type is not crc32c', 0x50, 0x01000000],
    ['uuid does not match the filesystem uuid', 0x30, 1],
    ['records a filesystem error (s_errno set)', 0x20, 5],
    ['block size is not 4096', 0x0c, 1024],
    ['s_maxlen does not match the journal inode extent', 0x10, 1023],
    ['s_first is out of range', 0x14, 0],
    ['s_start is out of range', 0x1c, 1024],
    ['feature flags do not match this formatter (compat=0x0, incompat=0x37, ro_compat=0x0)', 0x28, 0x37],
  ];
  it.each(superblocks)('a journal that %s', async (reason, at, value) => {
    await writeLog(image, [{ writes: [[FREE, block(1)]] }]);
    const log = await readAt(image, journal.start * BLOCK, 1024);
    log.writeUInt32BE(value, at);
    log.writeUInt32BE(0, 0xfc);
    log.writeUInt32BE(crc32c(log, 0xffff_ffff), 0xfc);
    await writeAt(image, journal.start * BLOCK, log);
    const before = await readFile(image);
    await expect(recover()).rejects.toThrow(`unsupported ext4 image: journal ${reason}`);
    expect((await readFile(image)).equals(before)).toBe(true);
  });
});

describe('damaged journals', () => {
  it('end in a coded error or in a clean disk', { timeout: (FUZZ_SECONDS + 30) * 1000 }, async () => {
    const clean = await readFile(image);
    let recovered = 0;
    for (const seed of fuzzSeeds(150)) {
      const random = new SeededRandom(seed);
      await writeFile(image, clean);
      await writeLog(image, randomTransactions(random), { logStart: 1 + random.below(journal.blocks - 1) });
      const dirty = await damage(random);
      try {
        await recover();
        recovered++;
        expect(await needsRecovery(image), `seed ${seed}`).toBe(false);
      } catch (error) {
        if (!(error instanceof MicrosandboxError)) throw error;
        expect(error.message, `seed ${seed}`).toMatch(/^unsupported ext4 image: /);
      }
      const after = await readFile(image);
      expect(after.length, `seed ${seed}`).toBe(dirty.length);
      // Nothing but the targets, the journal's superblock and block 0 may ever change.
      for (let at = BLOCK; at < FREE * BLOCK; at += BLOCK) {
        if (at === journal.start * BLOCK) continue;
        if (!after.subarray(at, at + BLOCK).equals(dirty.subarray(at, at + BLOCK))) {
          expect.fail(`seed ${seed}: block ${at / BLOCK} changed`);
        }
      }
    }
    expect(recovered).toBeGreaterThan(0);
  });

  function randomTransactions(random: SeededRandom): TestTransaction[] {
    return Array.from({ length: 1 + random.below(5) }, () => ({
      writes: Array.from(
        { length: random.below(random.pick([3, 40])) },
        () => [FREE + random.below(100), block(random.below(256))] as const,
      ),
      revokes: Array.from({ length: random.below(4) }, () => FREE + random.below(100)),
      ...(random.chance(0.1) && {
        damage: random.pick(['data', 'descriptor', 'commit', 'no commit'] as const),
      }),
    }));
  }

  /** Changes some bytes of the journal, mostly where it has structure. */
  async function damage(random: SeededRandom): Promise<Buffer> {
    const bytes = await readFile(image);
    for (let count = random.below(6); count > 0; count--) {
      const number = random.chance(0.3) ? 0 : random.below(journal.blocks);
      const at = (journal.start + number) * BLOCK + random.below(random.pick([64, 1024, BLOCK]));
      bytes[at] = random.below(256);
    }
    await writeFile(image, bytes);
    return bytes;
  }
});
