import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '@microsandbox/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ErofsDataMap } from '../src/erofs/erofs-data-map.ts';
import { writeErofs } from '../src/erofs/write-erofs.ts';
import { writeFsmeta } from '../src/erofs/write-fsmeta.ts';
import { readLayerTar } from '../src/tar/read-layer-tar.ts';
import { mergeLayers } from '../src/tree/merge-layers.ts';
import type { LayerTree } from '../src/tree/nodes.ts';
import { gnuLong, paxEntry, type TarEntry, tarArchive } from './tar-builder.ts';
import { noUpstreamMsb, upstreamDisks } from './upstream-msb.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'msb-upstream-'));
});
afterEach(() => rm(dir, { recursive: true }));

describe('disks of random images', () => {
  it.skipIf(noUpstreamMsb !== null)(
    'are byte for byte those of microsandbox 0.6.14',
    { timeout: 120_000 },
    async () => {
      for (let seed = 1; seed <= 25; seed++) {
        const random = new SeededRandom(seed);
        const archives = Array.from({ length: 1 + random.below(4) }, () => randomLayer(random));
        const theirs = await upstreamDisks(join(dir, `home-${seed}`), archives);
        const trees: LayerTree[] = [];
        const maps: ErofsDataMap[] = [];
        for (const [i, archive] of archives.entries()) {
          const tree = await readLayerTar(once(archive), { spoolPath: join(dir, 'spool') });
          maps.push(await writeErofs(tree, join(dir, 'ours')));
          trees.push(tree);
          await expectSame(join(dir, 'ours'), theirs.layers[i] ?? '', `seed ${seed}, layer ${i}`);
        }
        await writeFsmeta({ merged: mergeLayers(trees), layers: maps }, join(dir, 'ours'));
        await expectSame(join(dir, 'ours'), theirs.fsmeta, `seed ${seed}, fsmeta`);
      }
    },
  );
});

async function expectSame(ours: string, theirs: string, what: string): Promise<void> {
  const [a, b] = await Promise.all([readFile(ours), readFile(theirs)]);
  if (!a.equals(b)) expect.fail(`${what}: images differ (${a.length} and ${b.length} bytes)`);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** A layer that both sides accept: no attributes, every name used in one way only. */
function randomLayer(random: SeededRandom): Buffer {
  const parts: (TarEntry | Buffer)[] = [];
  const files: string[] = [];
  /** Whether this layer has directories named `dir`, or deletes those of lower layers. */
  const hasDirectories = random.chance(0.6);
  for (let count = random.below(40); count > 0; count--) {
    const directory = random.pick(['', './', 'a/', 'a/b/', 'c/d/e/', '/f/']);
    const type = random.pick(['0', '0', '0', '1', '2', '3', '4', '5', '6', '`', 'whiteout', 'opaque']);
    const name = `${directory}${type}${random.below(4)}`;
    const common = {
      name,
      mode: random.below(0o10000),
      uid: random.below(70_000),
      gid: random.below(70_000),
      mtime: random.pick([0, 1_700_000_000, 2 ** 32 + 5]),
    };
    const long = !['1', 'whiteout'].includes(type) && random.chance(0.1);
    if (long)
      parts.push(random.chance(0.5) ? gnuLong('L', longName(name)) : paxEntry({ path: longName(name) }));
    switch (type) {
      case '1':
        if (files.length > 0) parts.push({ ...common, type, linkName: random.pick(files) });
        break;
      case '2':
        parts.push({ ...common, type, linkName: 't'.repeat(1 + random.below(99)) });
        break;
      case '5':
        parts.push({ ...common, name: hasDirectories ? `${directory}dir/` : 'a/b/', type });
        break;
      case 'whiteout': {
        const gone = hasDirectories ? `${random.pick(['0', '2'])}${random.below(4)}` : 'dir';
        if (!files.includes(`${directory}${gone}`))
          parts.push({ ...common, name: `${directory}.wh.${gone}` });
        break;
      }
      case 'opaque':
        parts.push({ ...common, name: `${directory}.wh..wh..opq` });
        break;
      case '0':
        parts.push({
          ...common,
          type,
          body: random.bytes(random.below(random.pick([1, 100, 9000, 70_000]))),
        });
        if (!long) files.push(name);
        break;
      default:
        parts.push({ ...common, type, major: random.below(4096), minor: random.below(2 ** 20) });
    }
  }
  return tarArchive(...parts);
}

const longName = (name: string): string => `${name}${'n'.repeat(120)}`;
