import type { CachedImage, PullProgressEvent } from '@microsandbox/types';

/** Tells which image has been found. */
export function reportResolved(
  onProgress: ((event: PullProgressEvent) => void) | undefined,
  reference: string,
  { manifest_digest, layers }: CachedImage,
): void {
  const total = layers.reduce((sum, { size_bytes }) => sum + (size_bytes ?? 0), 0);
  onProgress?.({
    kind: 'resolved',
    reference,
    manifestDigest: manifest_digest,
    layerCount: layers.length,
    totalDownloadBytes: total === 0 ? null : total,
  });
}
