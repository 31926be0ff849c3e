import type { CachedImage, PullProgressEvent } from '@microsandbox/types';
import type { CacheLayout } from '../cache/cache-layout.ts';
import { writeImageMetadata } from '../cache/image-metadata.ts';
import type { ImageReference } from '../reference/image-reference.ts';
import type { Platform } from '../registry/platform.ts';
import type { Registry } from '../registry/registry.ts';
import { assembleImage } from './assemble-image.ts';
import { buildLayer, layerConcurrency } from './build-layer.ts';
import type { BuiltLayer } from './layer-build.ts';
import { LayerProgress } from './layer-progress.ts';
import type { Materialization } from './pull-options.ts';
import { runLimited } from './run-limited.ts';

/** Small files of all layers that are being built together may take this much memory, bytes. */
const MEMORY_BYTES = 48 * 1024 * 1024;

export interface MaterializeOptions {
  readonly layout: CacheLayout;
  readonly registry: Registry;
  readonly reference: ImageReference;
  readonly image: CachedImage;
  readonly platform: Platform;
  readonly materialization: Materialization;
  readonly force: boolean;
  readonly onProgress: ((event: PullProgressEvent) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Fetches and builds what the cache lacks of a resolved image. Its metadata is written last: an image that is
 * interrupted before is no image, but its finished layers stay.
 */
export async function materializeImage(options: MaterializeOptions): Promise<void> {
  const { layout, reference, image } = options;
  const built = await buildLayers(options);
  await assembleImage({ ...options, built });
  await writeImageMetadata(layout.metadata(reference.canonical), image);
}

/** Builds each distinct layer once; those that were there are not in the result. */
async function buildLayers(options: MaterializeOptions): Promise<Map<string, BuiltLayer>> {
  const { layout, registry, reference, image, force, onProgress, signal } = options;
  const positions = new Map<string, number>();
  image.layers.forEach(({ diff_id }, index) => {
    if (!positions.has(diff_id)) positions.set(diff_id, index);
  });
  const concurrency = Math.min(layerConcurrency(), positions.size);
  const built = new Map<string, BuiltLayer>();
  await runLimited(
    [...positions.values()],
    concurrency,
    async (index, taskSignal) => {
      const layer = image.layers[index] as CachedImage['layers'][number];
      const result = await buildLayer({
        layout,
        registry,
        reference,
        layer,
        force,
        memoryBytes: Math.floor(MEMORY_BYTES / concurrency),
        progress: new LayerProgress(index, layer, onProgress),
        signal: taskSignal,
      });
      if (result !== null) built.set(layer.diff_id, result);
    },
    signal,
  );
  return built;
}
