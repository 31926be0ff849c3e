import type { ImageConfigRow, ImageDetailRows, ImageLayerRow } from '@microsandbox/db';
import { ImageHandle } from './image-handle.ts';

/** Settings that an image brings. */
export interface ImageConfigDetail {
  readonly digest: string;
  readonly env: string[];
  readonly cmd: string[] | null;
  readonly entrypoint: string[] | null;
  readonly workingDir: string | null;
  readonly user: string | null;
  readonly labels: Record<string, unknown> | null;
  readonly stopSignal: string | null;
}

/** One layer of an image. */
export interface ImageLayerDetail {
  readonly diffId: string;
  readonly blobDigest: string;
  readonly mediaType: string | null;
  readonly compressedSizeBytes: number | null;
  readonly erofsSizeBytes: number | null;
  readonly position: number;
}

/** Everything known about an image. */
export interface ImageDetail {
  readonly handle: ImageHandle;
  readonly config: ImageConfigDetail | null;
  readonly layers: readonly ImageLayerDetail[];
}

export function imageDetailOf({ image, config, layers }: ImageDetailRows): ImageDetail {
  return {
    handle: new ImageHandle(image),
    config: config === null ? null : configDetailOf(config),
    layers: layers.map(layerDetailOf),
  };
}

function configDetailOf(row: ImageConfigRow): ImageConfigDetail {
  return {
    digest: row.digest,
    env: jsonOr<string[]>(row.env, []),
    cmd: jsonOr<string[] | null>(row.cmd, null),
    entrypoint: jsonOr<string[] | null>(row.entrypoint, null),
    workingDir: row.working_dir,
    user: row.user,
    labels: jsonOr<Record<string, unknown> | null>(row.labels, null),
    stopSignal: row.stop_signal,
  };
}

function layerDetailOf(row: ImageLayerRow): ImageLayerDetail {
  return {
    diffId: row.diff_id,
    blobDigest: row.blob_digest,
    mediaType: row.media_type,
    compressedSizeBytes: row.compressed_size_bytes,
    erofsSizeBytes: row.erofs_size_bytes,
    position: row.position,
  };
}

/** Stored JSON of a known shape; the fallback for none and for what cannot be read. */
function jsonOr<T>(text: string | null, fallback: T): T {
  if (text === null) return fallback;
  try {
    return JSON.parse(text) as T;
  } catch {
    return fallback;
  }
}
