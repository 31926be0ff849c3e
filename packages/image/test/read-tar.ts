import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { LayerLimits } from '../src/tar/layer-limits.ts';
import { readLayerTar } from '../src/tar/read-layer-tar.ts';
import { dumpTree } from './dump-tree.ts';

/** One folder a test file: making one for each of ten thousand archives would be most of a test's time. */
const dir = mkdtempSync(join(tmpdir(), 'msb-tar-'));
afterAll(() => rm(dir, { recursive: true }));

let count = 0;

/** Reads an archive that comes in the given pieces and returns its tree as lines. */
export async function dumpTar(
  chunks: readonly Uint8Array[],
  limits: Partial<LayerLimits> = {},
): Promise<string[]> {
  const spoolPath = join(dir, `spool-${++count}`);
  try {
    return await dumpTree(await readLayerTar(each(chunks), { spoolPath, limits }));
  } finally {
    await rm(spoolPath, { force: true });
  }
}

async function* each(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}
