import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '@microsandbox/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isValidErofs } from '../src/erofs/is-valid-erofs.ts';
import { readErofsLayer } from '../src/erofs/read-erofs-layer.ts';
import { writeErofs } from '../src/erofs/write-erofs.ts';
import { writeFsmeta } from '../src/erofs/write-fsmeta.ts';
import { mergeLayers } from '../src/tree/merge-layers.ts';
import { dumpTree } from './dump-tree.ts';
import { fsckErofs, noFsckErofs } from './fsck-erofs.ts';
import { randomTree } from './random-tree.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'msb-property-'));
});
afterEach(() => rm(dir, { recursive: true }));

const at = (name: string): string => join(dir, name);

describe('random trees', () => {
  it('come back from a layer image as they were, and give it again byte for byte', {
    timeout: 60_000,
  }, async () => {
    for (let seed = 1; seed <= 150; seed++) {
      const tree = randomTree(new SeededRandom(seed));
      const written = await writeErofs(tree, at('a'));
      const read = await readErofsLayer(at('a'));
      expect(await dumpTree(read.tree), `seed ${seed}`).toEqual(await dumpTree(tree));
      expect([...read.dataMap.extents.values()].sort(byBlock), `seed ${seed}`).toEqual(
        [...written.extents.values()].sort(byBlock),
      );
      expect(read.dataMap.totalBlocks).toBe(written.totalBlocks);
      await writeErofs(read.tree, at('b'));
      expect(await sameBytes(at('a'), at('b')), `seed ${seed}`).toBe(true);
      expect(await isValidErofs(at('a'))).toBe(true);
    }
  });

  it.skipIf(noFsckErofs !== null)(
    'are sound to erofs-utils, merged and alone',
    { timeout: 120_000 },
    async () => {
      for (let seed = 1000; seed < 1040; seed++) {
        const random = new SeededRandom(seed);
        const trees = Array.from({ length: 1 + random.below(3) }, () => randomTree(random));
        const devices = trees.map((_, i) => at(`layer${i}`));
        const layers = [];
        for (const [i, tree] of trees.entries()) {
          layers.push(await writeErofs(tree, at(`layer${i}`)));
          await fsckErofs(at(`layer${i}`));
        }
        await writeFsmeta({ merged: mergeLayers(trees), layers }, at('fsmeta'));
        expect(await isValidErofs(at('fsmeta'))).toBe(true);
        await fsckErofs(at('fsmeta'), { devices }).catch((error: unknown) => {
          throw new Error(`seed ${seed}`, { cause: error });
        });
      }
    },
  );
});

const byBlock = (a: { startBlock: number }, b: { startBlock: number }): number => a.startBlock - b.startBlock;

async function sameBytes(a: string, b: string): Promise<boolean> {
  return (await readFile(a)).equals(await readFile(b));
}
