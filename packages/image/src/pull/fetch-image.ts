import type { CachedImage, PullProgressEvent } from '@microsandbox/types';
import type { CacheLayout } from '../cache/cache-layout.ts';
import type { ImageReference } from '../reference/image-reference.ts';
import type { Platform } from '../registry/platform.ts';
import type { Registry } from '../registry/registry.ts';
import { resolveImage } from '../registry/resolve-image.ts';
import { materializeImage } from './materialize-image.ts';
import type { Materialization } from './pull-options.ts';
import { reportResolved } from './report-resolved.ts';

export interface FetchImageOptions {
  readonly layout: CacheLayout;
  readonly registry: Registry;
  readonly reference: ImageReference;
  /** As the user wrote it. */
  readonly typed: string;
  readonly platform: Platform;
  readonly materialization: Materialization;
  readonly force: boolean;
  readonly onProgress: ((event: PullProgressEvent) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Resolves an image at its source and brings it into the cache. The lock of its name must be held. */
export async function fetchImage(options: FetchImageOptions): Promise<CachedImage> {
  const { registry, reference, typed, platform, onProgress, signal } = options;
  onProgress?.({ kind: 'resolving', reference: typed });
  const image = await resolveImage({ registry, reference, platform, signal });
  reportResolved(onProgress, typed, image);
  await materializeImage({ ...options, image });
  onProgress?.({ kind: 'complete', reference: typed, layerCount: image.layers.length });
  return image;
}
