import type { ImageHandle } from 'microsandbox';
import { jsonTimestamp } from '../output/timestamp.ts';

/** `sha256:` and 12 digits; other algorithms, the first 19 characters. */
export function shortDigest(digest: string | null): string {
  return digest === null ? '-' : digest.slice(0, 19);
}

/** An image in JSON. */
export function imageJson(image: ImageHandle): Readonly<Record<string, unknown>> {
  return {
    reference: image.reference,
    digest: image.manifestDigest,
    architecture: image.architecture,
    os: image.os,
    layer_count: image.layerCount,
    size_bytes: image.sizeBytes,
    created_at: jsonTimestamp(image.createdAt),
  };
}
