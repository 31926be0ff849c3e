import { open } from 'node:fs/promises';
import { type CachedImage, ImageError, MicrosandboxError } from '@microsandbox/types';
import type { CacheLayout } from '../cache/cache-layout.ts';
import { readErofsLayer } from '../erofs/read-erofs-layer.ts';
import { formatExt4 } from '../ext4/format-ext4.ts';
import { validateExt4Image } from '../ext4/stored/validate-ext4-image.ts';
import { hostFileError } from '../io/host-file-error.ts';
import { mergeLayers } from '../tree/merge-layers.ts';
import type { LayerTree } from '../tree/nodes.ts';
import { flatUuid } from './flat-derivation.ts';
import { FLAT_JOURNAL_BLOCKS, flatSizeBytes, measureTree, type TreeMeasure } from './flat-size.ts';
import { sha256File } from './sha256-file.ts';

export interface BuildFlatImageOptions {
  readonly layout: CacheLayout;
  /** Its layers must be in the cache. */
  readonly image: Pick<CachedImage, 'manifest_digest' | 'layers'>;
  /** Digest that the file system's UUID is made from. */
  readonly derivation: Buffer;
  /** File to write. */
  readonly path: string;
  readonly signal: AbortSignal | undefined;
}

export interface BuiltFlatImage extends TreeMeasure {
  /** `sha256:…` of all bytes. */
  readonly digest: string;
  readonly bytes: number;
}

/** Writes the merged layers of an image as one file system, checks it, and has it on the disk. */
export async function buildFlatImage(options: BuildFlatImageOptions): Promise<BuiltFlatImage> {
  const { image, path, signal } = options;
  const tree = mergeLayers(await readLayers(options));
  const measure = measureTree(tree.root);
  try {
    const { sizeBytes: bytes } = await formatExt4({
      path,
      sizeBytes: flatSizeBytes(measure),
      journalBlocks: FLAT_JOURNAL_BLOCKS,
      uuid: flatUuid(options.derivation),
      tree,
      mode: 'rootfs',
      ...(signal !== undefined && { signal }),
    });
    await validateExt4Image(path, { signal });
    await syncFile(path);
    return { digest: await sha256File(path, signal), bytes, ...measure };
  } catch (error) {
    throw failed(image.manifest_digest, 'flat ext4 materialization failed', error);
  }
}

/** Trees of all layers, bottom first; the content of their files stays in the cache. */
async function readLayers({ layout, image }: BuildFlatImageOptions): Promise<LayerTree[]> {
  const known = new Map<string, LayerTree>();
  const trees: LayerTree[] = [];
  for (const { diff_id } of image.layers) {
    const what = 'failed to reconstruct cached EROFS layer for flat materialization';
    const tree =
      known.get(diff_id) ??
      (await readErofsLayer(layout.layer(diff_id)).then(
        (layer) => layer.tree,
        (error: unknown) => {
          throw failed(diff_id, what, error);
        },
      ));
    known.set(diff_id, tree);
    trees.push(tree);
  }
  return trees;
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.sync();
  } catch (error) {
    throw hostFileError('write', path, error);
  } finally {
    await handle.close();
  }
}

/** Only what is wrong with the image gets a new text; a full disk or an abort stays what it is. */
function failed(digest: string, step: string, cause: unknown): unknown {
  const code = cause instanceof MicrosandboxError ? cause.code : undefined;
  if (!(cause instanceof Error) || (code !== 'image' && code !== 'invalidConfig')) return cause;
  return new ImageError(`materialization failed for layer ${digest}: ${step}: ${cause.message}`, { cause });
}
