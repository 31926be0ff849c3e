import { createHash } from 'node:crypto';
import { mkdtemp, open, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { formatExt4 } from '../src/ext4/format-ext4.ts';
import { mergeLayers } from '../src/tree/merge-layers.ts';
import { createDirectory, type LayerTree } from '../src/tree/nodes.ts';
import { goldenLayer0, goldenLayer1 } from './golden-trees.ts';

const MIB = 1024 * 1024;
const uuid = Buffer.from('00112233445546778899aabbccddeeff', 'hex');
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ext4-golden-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  const handle = await open(path);
  const buffer = Buffer.allocUnsafe(4 * MIB);
  try {
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length);
      if (bytesRead === 0) return hash.digest('hex');
      hash.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await handle.close();
  }
}

function upperTree(): LayerTree {
  const root = createDirectory();
  for (const name of ['upper', 'work']) root.children.set(name, createDirectory());
  return { root };
}

it('writes an empty file system of 256 MiB byte for byte', async () => {
  const path = join(folder, 'empty');
  const made = await formatExt4({ path, sizeBytes: 256 * MIB, journalBlocks: 1024, uuid, mode: 'upper' });
  expect(made.sizeBytes).toBe(256 * MIB);
  expect(await sha256(path)).toBe('feb2c7e3c073bb75de26bbc611a3d4b9086ee61ec16f67a7d5732d79de04faf8');
});

it('writes two merged layers byte for byte', async () => {
  const path = join(folder, 'merged');
  const tree = mergeLayers([goldenLayer0(), goldenLayer1()]);
  await formatExt4({ path, sizeBytes: 256 * MIB, journalBlocks: 1024, uuid, tree, mode: 'rootfs' });
  expect(await sha256(path)).toBe('a15d1d15546ff0aefff21c58eb69b60034d499ed0b23223e0e52c65195fb1bf6');
});

it('writes the default upper disk of 4 GiB byte for byte, in little space', async () => {
  const path = join(folder, 'upper');
  await formatExt4({ path, sizeBytes: 4096 * MIB, uuid, tree: upperTree(), mode: 'upper' });
  expect((await stat(path)).blocks * 512).toBeLessThan(1.5 * MIB);
  expect(await sha256(path)).toBe('0b4f27c63a7a936bc570ab57000e473d0dbaaf3391d6c1c25cf5e074f1bc4c29');
}, 120_000);
