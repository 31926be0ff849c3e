import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import type { LayerLimits } from '../src/tar/layer-limits.ts';
import { readLayerTar } from '../src/tar/read-layer-tar.ts';
import { dumpTree } from './dump-tree.ts';
import { type Unpacker, unpackers } from './unpackers.ts';

/** One folder a test file: making one for each of ten thousand archives would be most of a test's time. */
const dir = mkdtempSync(join(tmpdir(), 'msb-tar-'));
afterAll(() => rm(dir, { recursive: true }));

let count = 0;

/**
 * Reads an archive that comes in the given pieces and returns its tree as lines. All ways to unpack it must come to
 * the same tree or the same error.
 */
export async function dumpTar(
  chunks: readonly Uint8Array[],
  limits: Partial<LayerLimits> = {},
  ways: readonly Unpacker[] = unpackers,
): Promise<string[]> {
  const outcomes: Outcome[] = [];
  for (const unpacker of ways) outcomes.push(await outcomeOf(unpacker, chunks, limits));
  const [first, ...others] = outcomes as [Outcome, ...Outcome[]];
  for (const other of others) expect(other).toEqual(first);
  if ('error' in first) throw first.error;
  return first.lines;
}

type Outcome = { readonly lines: string[] } | { readonly error: unknown };

async function outcomeOf(
  { unpack }: Unpacker,
  chunks: readonly Uint8Array[],
  limits: Partial<LayerLimits>,
): Promise<Outcome> {
  const spoolPath = join(dir, `spool-${++count}`);
  const bodiesPath = `${spoolPath}-bodies`;
  try {
    const { pieces } = unpack(each(chunks), { compression: 'none', bodiesPath });
    return { lines: await dumpTree(await readLayerTar(pieces, { spoolPath, limits })) };
  } catch (error) {
    return { error };
  } finally {
    await rm(spoolPath, { force: true });
    await rm(bodiesPath, { force: true });
  }
}

async function* each(chunks: readonly Uint8Array[]): AsyncGenerator<Buffer, void, void> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}
