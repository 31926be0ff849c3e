import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SeededRandom } from '@microsandbox/test-utils';
import { fuzz } from '@microsandbox/test-utils/fuzz';
import { MicrosandboxError } from '@microsandbox/types';
import { afterAll, expect } from 'vitest';
import { crc32c } from '../src/checksum/crc32c.ts';
import { formatExt4 } from '../src/ext4/format-ext4.ts';
import { growImage } from '../src/ext4/grow/grow-image.ts';
import { sealInode } from '../src/ext4/inode.ts';
import { validateExt4Image } from '../src/ext4/stored/validate-ext4-image.ts';
import { sealSuperblock } from '../src/ext4/superblock.ts';
import { randomExt4Tree } from './ext4-tree.ts';
import { makeLegacy } from './legacy-ext4.ts';

const MIB = 1024 * 1024;
const BLOCK = 4096;
const INODES = (1 + 1 + 256 + 2) * BLOCK;

const dir = await mkdtemp(join(tmpdir(), 'msb-ext4-fuzz-'));
const image = join(dir, 'image');
afterAll(() => rm(dir, { recursive: true }));

const images = await goodImages();
const outcomes = { grown: 0, refused: 0 };

fuzz({
  name: 'ext4 reader',
  count: 200,
  input: (random) => damaged(random.pick(images), random),
  check: async (bytes) => {
    await writeFile(image, bytes);
    for (const attempt of [() => validateExt4Image(image), () => growImage(image, 16 * MIB)]) {
      try {
        await attempt();
        outcomes.grown++;
      } catch (error) {
        if (!(error instanceof MicrosandboxError)) throw error;
        expect(error.message).toMatch(/^unsupported ext4 image: /);
        outcomes.refused++;
      }
    }
    expect([8 * MIB, 16 * MIB]).toContain((await stat(image)).size);
  },
  finish: () => expect(Math.min(outcomes.grown, outcomes.refused)).toBeGreaterThan(0),
});

/** Images that are read and grown, of either layout. */
async function goodImages(): Promise<Buffer[]> {
  const good: Buffer[] = [];
  for (const seed of [1, 2, 3]) {
    await formatExt4({ path: image, sizeBytes: 8 * MIB, tree: randomExt4Tree(seed), mode: 'rootfs' });
    good.push(await readFile(image));
  }
  await makeLegacy(image);
  good.push(await readFile(image));
  return good;
}

/** Changes bytes where the structures are; checksums are put right now and then, so that what is behind is reached. */
function damaged(good: Buffer, random: SeededRandom): Buffer {
  const bytes = Buffer.from(good);
  for (let count = random.below(4); count > 0; count--) {
    const [from, length] = random.pick([
      [1024, 1024],
      [BLOCK, 64],
      [258 * BLOCK, 2 * BLOCK],
      [INODES, 30 * 256],
      [INODES + 512 * BLOCK, 4 * BLOCK],
      [0, bytes.length],
    ] as const);
    bytes[from + random.below(length)] = random.below(256);
  }
  if (random.chance(0.5)) sealSuperblock(bytes.subarray(1024, 2048));
  const seed = crc32c(bytes.subarray(1024 + 0x68, 1024 + 0x78), 0xffff_ffff);
  for (const number of [2, 7, 8, 11, 12, 13]) {
    if (!random.chance(0.5)) continue;
    const inode = bytes.subarray(INODES + (number - 1) * 256, INODES + number * 256);
    if (inode.some((byte) => byte !== 0)) sealInode(inode, number, seed);
  }
  return bytes;
}
