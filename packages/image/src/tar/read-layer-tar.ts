import type { LayerTree } from '../tree/nodes.ts';
import type { LayerLimits } from './layer-limits.ts';

export interface ReadLayerTarOptions {
  /** File for bodies that do not stay in memory; made when first needed, removed by the caller. */
  readonly spoolPath: string;
  readonly limits?: Partial<LayerLimits>;
  readonly signal?: AbortSignal;
}

/**
 * Reads the tar archive of one layer into a tree. `chunks` are decompressed bytes, cut anywhere; they are read to
 * their end, also after the archive's end marker, so that a digest over them is complete. No chunk is kept after
 * the next one was asked for.
 *
 * @throws {ImageError} when the archive is broken or asks for more than the limits allow.
 */
export async function readLayerTar(
  _chunks: AsyncIterable<Uint8Array>,
  _options: ReadLayerTarOptions,
): Promise<LayerTree> {
  throw new Error('not written yet');
}
