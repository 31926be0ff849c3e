import { ImageRepository } from '@microsandbox/db';
import { parseUtcTimestamp } from '@microsandbox/utils';
import type { LocalBackend } from '../backend/local-backend.ts';
import { listWarmTemplates } from '../warm/warm-templates.ts';

/** Space of one image reference; all sizes are bytes on disk. */
export interface ImageSpace {
  readonly reference: string;
  readonly totalBytes: number;
  /** What other references need too. */
  readonly sharedBytes: number;
  /** What goes when only this reference is removed. */
  readonly ownBytes: number;
  /** Sandboxes that stand on it. */
  readonly sandboxes: number;
  readonly lastUsedAt: Date | null;
}

/** What the cache takes on the disk. */
export interface ImageDiskUsage {
  /** The one used last first. */
  readonly images: readonly ImageSpace[];
  /** All image files, each counted once. */
  readonly totalBytes: number;
  /** What a prune frees. */
  readonly reclaimableBytes: number;
  /** Files of no image, such as downloads that broke off; part of the total. */
  readonly leftoverBytes: number;
  /** Templates that sandboxes wake from; not part of the total. */
  readonly templates: { readonly count: number; readonly totalBytes: number };
}

export async function imageDiskUsage(backend: LocalBackend): Promise<ImageDiskUsage> {
  const { CacheLayout, cacheUsage } = await import('@microsandbox/image');
  const rows = await backend.reading((catalog) => new ImageRepository(catalog).usages());
  const counted = rows.map((row) => ({ ...row, manifestDigest: row.digest, diffIds: row.diff_ids }));
  const { cacheDir } = await backend.layout();
  const pinned = new Set(rows.filter(isPinned).map(({ digest }) => digest));
  const usage = await cacheUsage(new CacheLayout(cacheDir), counted, ({ manifestDigest }) =>
    pinned.has(manifestDigest),
  );
  const templates = await listWarmTemplates(backend);
  return {
    images: usage.images
      .map((image, index) => ({
        ...image,
        sandboxes: rows[index]?.sandboxes ?? 0,
        lastUsedAt: parseUtcTimestamp(rows[index]?.updated_at ?? null),
      }))
      .reverse(),
    totalBytes: usage.totalBytes,
    reclaimableBytes: usage.totalBytes - usage.neededBytes,
    leftoverBytes: usage.otherBytes,
    templates: {
      count: templates.length,
      totalBytes: templates.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    },
  };
}

/** Whether a prune leaves the image alone. */
function isPinned({
  sandboxes,
  snapshotted,
}: {
  readonly sandboxes: number;
  readonly snapshotted: 0 | 1;
}): boolean {
  return sandboxes > 0 || snapshotted === 1;
}
