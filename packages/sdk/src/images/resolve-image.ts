import type { Materialization, Platform, PulledImage } from '@microsandbox/image';
import type { PullProgressEvent, SandboxConfigRecord } from '@microsandbox/types';
import type { LocalBackend } from '../backend/local-backend.ts';
import type { RegistryOptions } from '../builders/registry-config-builder.ts';
import { registryAccess } from './registry-access.ts';

/** Which image, and how to get it. */
export interface ImageRequest {
  readonly reference: string;
  readonly pullPolicy: SandboxConfigRecord['pull_policy'];
  /** Pulls again what is cached. */
  readonly force?: boolean;
  readonly materialization: Materialization;
  /** This machine's by default. */
  readonly platform?: Platform | undefined;
  readonly registry?: RegistryOptions | undefined;
  readonly onProgress?: ((event: PullProgressEvent) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

const PULL_POLICIES = { IfMissing: 'if-missing', Always: 'always', Never: 'never' } as const;

/**
 * Finds an image in the cache or pulls it. Either way the listener hears of it from beginning to end.
 *
 * @throws ImageError
 */
export async function resolveImage(backend: LocalBackend, request: ImageRequest): Promise<PulledImage> {
  const { reference, onProgress, signal, materialization, platform, force = false } = request;
  const [{ parseImageReference, pullCached }, layout, host] = await Promise.all([
    import('@microsandbox/image/lookup'),
    backend.layout(),
    backend.config(),
  ]);
  const options = {
    reference,
    cacheDir: layout.cacheDir,
    pullPolicy: PULL_POLICIES[request.pullPolicy],
    force,
    materialization,
    ...(platform && { platform }),
  };
  const cached = await pullCached(options);
  if (cached !== null) {
    reportCached(cached, onProgress);
    return cached;
  }
  const { pullImage } = await import('@microsandbox/image');
  const { registry, contactedHost } = parseImageReference(reference);
  const access = await registryAccess({
    registry,
    contactedHost,
    host,
    layout,
    env: backend.env,
    options: request.registry,
    signal,
  });
  return pullImage({
    ...options,
    registry: access,
    ...(onProgress && { onProgress }),
    ...(signal && { signal }),
  });
}

/** The events of a pull that had nothing to do (spec: image 5). */
function reportCached({ reference, image }: PulledImage, onProgress: ImageRequest['onProgress']): void {
  const layerCount = image.layers.length;
  onProgress?.({ kind: 'resolving', reference });
  onProgress?.({
    kind: 'resolved',
    reference,
    manifestDigest: image.manifest_digest,
    layerCount,
    totalDownloadBytes: image.layers.reduce((sum, { size_bytes }) => sum + (size_bytes ?? 0), 0),
  });
  onProgress?.({ kind: 'complete', reference, layerCount });
}
