import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CachedImage, ImageError, type PullProgressEvent } from '@microsandbox/types';
import type { CacheLayout } from '../cache/cache-layout.ts';
import { expectedVmdk, imageFiles, isComplete } from '../cache/image-files.ts';
import { isValidErofs } from '../erofs/is-valid-erofs.ts';
import { hostFileError } from '../io/host-file-error.ts';
import type { BuiltLayer } from './layer-build.ts';
import { lockFile } from './lock-file.ts';
import { publishFile } from './publish-file.ts';
import { type ImageLayer, writeMergedImage } from './write-merged-image.ts';

export interface StitchOptions {
  readonly layout: CacheLayout;
  readonly image: CachedImage;
  /** Layers that have just been built, by diff id; the others are read from the cache. */
  readonly built: ReadonlyMap<string, BuiltLayer>;
  /** Makes both files anew. */
  readonly force: boolean;
  readonly onProgress: ((event: PullProgressEvent) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes the merged metadata image of an image whose layers are all there, and the descriptor that joins it with the
 * layers; whichever is missing.
 */
export async function stitchImage(options: StitchOptions): Promise<void> {
  const { layout, image, force, onProgress, signal } = options;
  await using _lock = await lockFile(layout.fsmetaLock(image.manifest_digest), signal);
  const files = imageFiles(layout, image);
  if (!force && (await isComplete(files))) return;
  const work = layout.stitchDir(image.manifest_digest);
  try {
    await mkdir(work, { recursive: true, mode: 0o700 });
    if (force || !(await isValidErofs(files.fsmetaPath))) {
      await writeMerged(options, join(work, 'fsmeta.erofs'), files.fsmetaPath);
    }
    onProgress?.({ kind: 'stitchWritingVmdk' });
    const vmdk = join(work, 'rootfs.vmdk');
    const text = await expectedVmdk(files);
    await writeFile(vmdk, text, { mode: 0o600 }).catch((error: unknown) => {
      throw hostFileError('write', vmdk, error);
    });
    await publishFile(vmdk, files.vmdkPath);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  onProgress?.({ kind: 'stitchComplete' });
}

async function writeMerged(options: StitchOptions, temporary: string, path: string): Promise<void> {
  const { image, onProgress, signal } = options;
  const layers = imageLayers(options);
  onProgress?.({ kind: 'stitchMergingTrees', layerCount: layers.length });
  onProgress?.({ kind: 'stitchWritingFsmeta' });
  try {
    await writeMergedImage(layers, temporary, signal);
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    const text = `materialization failed for layer ${image.manifest_digest}: fsmeta write failed: ${error.message}`;
    throw new ImageError(text, { cause: error });
  }
  await publishFile(temporary, path);
}

/** Bottom first. */
function imageLayers({ layout, image, built }: StitchOptions): ImageLayer[] {
  const known = new Map<string, ImageLayer>();
  return image.layers.map(({ diff_id }) => {
    const layer = known.get(diff_id) ?? { path: layout.layer(diff_id), built: built.get(diff_id) };
    known.set(diff_id, layer);
    return layer;
  });
}
