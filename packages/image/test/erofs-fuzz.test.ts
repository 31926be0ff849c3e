import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SeededRandom } from '@microsandbox/test-utils';
import { fuzz } from '@microsandbox/test-utils/fuzz';
import { ImageError } from '@microsandbox/types';
import { afterAll, expect } from 'vitest';
import { ErofsReader } from '../src/erofs/erofs-reader.ts';
import { readErofsLayer } from '../src/erofs/read-erofs-layer.ts';
import { superblockChecksum } from '../src/erofs/superblock.ts';
import { writeErofs } from '../src/erofs/write-erofs.ts';
import { randomTree } from './random-tree.ts';

const dir = await mkdtemp(join(tmpdir(), 'msb-erofs-fuzz-'));
const path = join(dir, 'image');
afterAll(() => rm(dir, { recursive: true }));

const outcomes = { read: 0, refused: 0 };

fuzz({
  name: 'EROFS reader',
  count: 300,
  input: async (random) => {
    await writeErofs(randomTree(random), path);
    return mutate(random, await readFile(path));
  },
  check: async (image) => {
    await writeFile(path, image);
    try {
      await readAll(path);
      outcomes.read++;
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      outcomes.refused++;
    }
  },
  finish: () => expect(Math.min(outcomes.read, outcomes.refused)).toBeGreaterThan(5),
});

/** Changes metadata mostly, and makes the superblock's checksum right again. */
function mutate(random: SeededRandom, image: Buffer): Buffer {
  for (let count = 1 + random.below(20); count > 0; count--) {
    const at = random.chance(0.8)
      ? 4096 + random.below(Math.min(8192, image.length - 4096))
      : random.below(image.length);
    image[at] = random.pick([0, 1, 0xff, random.below(256)]);
  }
  image.writeUInt32LE(0xe0f5_e1e2, 1024);
  image.writeUInt32LE(image.length / 4096, 1024 + 0x24);
  image.writeUInt32LE(superblockChecksum(image), 1024 + 4);
  return image;
}

async function readAll(path: string): Promise<void> {
  await using reader = await ErofsReader.open(path);
  const files: string[] = [];
  for await (const { path: name, node } of reader.walk()) if (node.kind === 'file') files.push(name);
  for (const name of files.slice(0, 20)) await reader.readFile(name);
  await readErofsLayer(path);
}
