import { createHash } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { writeErofs } from '../src/erofs/write-erofs.ts';
import { DEFAULT_LAYER_LIMITS, type LayerLimits } from '../src/tar/layer-limits.ts';
import { readLayerTar } from '../src/tar/read-layer-tar.ts';
import type { LayerTree } from '../src/tree/nodes.ts';
import { dumpTree } from './dump-tree.ts';
import { type LayerWay, nativeWay } from './layer-builds.ts';

/** One folder a test file: making one for each of ten thousand archives would be most of a test's time. */
const dir = mkdtempSync(join(tmpdir(), 'msb-tar-'));
afterAll(() => rm(dir, { recursive: true }));

let count = 0;

/**
 * Reads an archive that comes in the given pieces and returns its tree as lines. The native way must come to the image
 * of the same tree, byte for byte, or to the same error.
 *
 * @param native null where the native way is not to be asked: it has threads and files to make
 */
export async function dumpTar(
  chunks: readonly Uint8Array[],
  limits: Partial<LayerLimits> = {},
  native: LayerWay | null = nativeWay,
): Promise<string[]> {
  const base = join(dir, `${++count}`);
  const outcome = await read(chunks, limits, `${base}.spool`);
  try {
    if (native !== null) {
      const image = 'tree' in outcome ? await imageOf(outcome.tree, `${base}.erofs`) : outcome;
      expect(await nativeOutcome(native, chunks, limits, base)).toEqual(image);
    }
    if ('error' in outcome) throw outcome.error;
    return await dumpTree(outcome.tree);
  } finally {
    await rm(`${base}.spool`, { force: true });
    await rm(`${base}.erofs`, { force: true });
  }
}

type Outcome<T> = T | { readonly error: unknown };

async function read(
  chunks: readonly Uint8Array[],
  limits: Partial<LayerLimits>,
  spoolPath: string,
): Promise<Outcome<{ readonly tree: LayerTree }>> {
  try {
    return { tree: await readLayerTar(each(chunks), { spoolPath, limits }) };
  } catch (error) {
    return { error };
  }
}

async function imageOf(tree: LayerTree, path: string): Promise<{ readonly image: string }> {
  await writeErofs(tree, path);
  return { image: sha256(await readFile(path)) };
}

async function nativeOutcome(
  { begin }: LayerWay,
  chunks: readonly Uint8Array[],
  limits: Partial<LayerLimits>,
  base: string,
): Promise<Outcome<{ readonly image: string }>> {
  const spoolPath = `${base}.native-spool`;
  const path = `${base}.native`;
  try {
    const build = begin({
      compression: 'none',
      spoolPath,
      limits: { ...DEFAULT_LAYER_LIMITS, ...limits },
    });
    await build.read(each(chunks));
    await build.write(path);
    return { image: sha256(await readFile(path)) };
  } catch (error) {
    return { error };
  } finally {
    await rm(spoolPath, { force: true });
    await rm(path, { force: true });
  }
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function* each(chunks: readonly Uint8Array[]): AsyncGenerator<Buffer, void, void> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}
