import type { LayerTree } from '../tree/nodes.ts';
import type { ErofsDataMap } from './erofs-data-map.ts';

/** Writes a tree as an EROFS image to `path` (created or overwritten) and says where each file's bytes went. */
export async function writeErofs(
  _tree: LayerTree,
  _path: string,
  _options: { readonly signal?: AbortSignal } = {},
): Promise<ErofsDataMap> {
  throw new Error('not written yet');
}
