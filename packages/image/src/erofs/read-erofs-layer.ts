import type { LayerTree } from '../tree/nodes.ts';
import type { ErofsDataMap } from './erofs-data-map.ts';

/**
 * Reads the metadata of a layer image back: its tree, whose files point into the image, and its data map.
 *
 * @throws {ImageError} when the image is broken or was not written by {@link writeErofs}.
 */
export async function readErofsLayer(
  _path: string,
): Promise<{ readonly tree: LayerTree; readonly dataMap: ErofsDataMap }> {
  throw new Error('not written yet');
}
