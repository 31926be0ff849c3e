import type { MergedTree } from '../tree/merge-layers.ts';
import type { ErofsDataMap } from './erofs-data-map.ts';

export interface FsmetaInput {
  readonly merged: MergedTree;
  /** One per layer, bottom first: those of the trees that `merged` was made of. */
  readonly layers: readonly ErofsDataMap[];
}

/** Writes the metadata image of a whole container image: all of its tree, the bytes of no file. */
export async function writeFsmeta(
  _input: FsmetaInput,
  _path: string,
  _options: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  throw new Error('not written yet');
}
