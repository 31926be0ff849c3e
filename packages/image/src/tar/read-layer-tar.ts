import type { LayerTree } from '../tree/nodes.ts';
import { BodyStore } from './body-store.ts';
import { DEFAULT_LAYER_LIMITS, type LayerLimits } from './layer-limits.ts';
import { LayerTreeBuilder } from './layer-tree-builder.ts';
import { TarScanner } from './tar-scanner.ts';

export interface ReadLayerTarOptions {
  /** File for bodies that do not stay in memory; made when first needed, removed by the caller. */
  readonly spoolPath: string;
  readonly limits?: Partial<LayerLimits>;
  readonly signal?: AbortSignal;
}

/**
 * Reads the tar archive of one layer into a tree. `chunks` are decompressed bytes, cut anywhere; they are read to their end, also
 * after the archive's end marker, so that a digest over them is complete. No chunk is kept after the next one was asked
 * for.
 *
 * @throws {ImageError} when the archive is broken or asks for more than the limits allow.
 */
export async function readLayerTar(
  chunks: AsyncIterable<Uint8Array>,
  options: ReadLayerTarOptions,
): Promise<LayerTree> {
  const { spoolPath, signal } = options;
  const limits = { ...DEFAULT_LAYER_LIMITS, ...options.limits };
  const bodies = new BodyStore(spoolPath, limits.memoryBytes);
  const builder = new LayerTreeBuilder(bodies, limits);
  const scanner = new TarScanner(builder, limits);
  try {
    for await (const chunk of chunks) {
      signal?.throwIfAborted();
      scanner.push(chunk);
      await bodies.drain();
    }
    scanner.end();
    await bodies.finish();
  } catch (error) {
    await bodies.abort();
    throw error;
  }
  return builder.tree;
}
