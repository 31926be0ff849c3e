import type { ImageRow } from '@microsandbox/db';
import { parseUtcTimestamp } from '@microsandbox/utils';

/** A cached image under one reference. */
export class ImageHandle {
  /** As it was typed when it was pulled. */
  readonly reference: string;
  /** Compressed size of all layers. */
  readonly sizeBytes: number | null;
  readonly manifestDigest: string | null;
  readonly architecture: string | null;
  readonly os: string | null;
  readonly layerCount: number;
  readonly lastUsedAt: Date | null;
  readonly createdAt: Date | null;

  /** @internal */
  constructor(row: ImageRow) {
    this.reference = row.reference;
    this.sizeBytes = row.total_size_bytes;
    this.manifestDigest = row.digest;
    this.architecture = row.architecture;
    this.os = row.os;
    this.layerCount = row.layer_count ?? 0;
    this.lastUsedAt = parseUtcTimestamp(row.updated_at);
    this.createdAt = parseUtcTimestamp(row.created_at);
  }
}
