import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FlatLayout } from '../flat/flat-layout.ts';
import type { CacheLayout } from './cache-layout.ts';
import { flatBlobOf } from './remove-flat.ts';

/** An image whose files are counted. */
export interface CountedImage {
  readonly reference: string;
  readonly manifestDigest: string;
  readonly diffIds: readonly string[];
}

/** Space of one name of an image, bytes on disk. */
export interface ImageUsage {
  readonly reference: string;
  readonly totalBytes: number;
  /** What other names need too; removing only this one does not free it. */
  readonly sharedBytes: number;
  readonly ownBytes: number;
}

export interface CacheUsage {
  /** In the order of the images given. */
  readonly images: readonly ImageUsage[];
  /** All image files of the cache, each counted once. */
  readonly totalBytes: number;
  /** Files that none of the images needs, such as downloads that broke off. */
  readonly otherBytes: number;
  /** Files that the images for which `isNeeded` holds need. */
  readonly neededBytes: number;
}

const FOLDERS = ['layers', 'fsmeta', 'vmdk', 'flat/refs', 'flat/blobs', 'tmp'];

/** Counts what images take on the disk. Holes in files take nothing. */
export async function cacheUsage(
  layout: CacheLayout,
  images: readonly CountedImage[],
  isNeeded: (image: CountedImage) => boolean = () => false,
): Promise<CacheUsage> {
  const sizes = await sizesOf(layout);
  const filesOf = await Promise.all(images.map((image) => imagePaths(layout, image)));
  const users = new Map<string, number>();
  for (const path of filesOf.flatMap((paths) => [...paths])) users.set(path, (users.get(path) ?? 0) + 1);
  const bytes = (paths: Iterable<string>): number =>
    [...paths].reduce((sum, path) => sum + (sizes.get(path) ?? 0), 0);
  const totalBytes = bytes(sizes.keys());
  const needed = new Set(
    images.flatMap((image, index) => (isNeeded(image) ? [...(filesOf[index] ?? [])] : [])),
  );
  return {
    images: images.map(({ reference }, index) => {
      const paths = [...(filesOf[index] ?? [])];
      const ownBytes = bytes(paths.filter((path) => users.get(path) === 1));
      const total = bytes(paths);
      return { reference, totalBytes: total, sharedBytes: total - ownBytes, ownBytes };
    }),
    totalBytes,
    otherBytes: totalBytes - bytes(users.keys()),
    neededBytes: bytes(needed),
  };
}

async function imagePaths(layout: CacheLayout, image: CountedImage): Promise<ReadonlySet<string>> {
  const { manifestDigest, diffIds } = image;
  const flat = new FlatLayout(layout);
  const ref = flat.ref(manifestDigest);
  const blob = await flatBlobOf(flat, ref);
  return new Set([
    ...diffIds.map((diffId) => layout.layer(diffId)),
    layout.fsmeta(manifestDigest),
    layout.vmdk(manifestDigest),
    ref,
    ...(blob === null ? [] : [join(flat.blobsDir, `${blob}.raw`)]),
  ]);
}

async function sizesOf(layout: CacheLayout): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  for (const folder of FOLDERS) {
    const root = join(layout.root, folder);
    const entries = await readdir(root, { withFileTypes: true, recursive: true }).catch(() => []);
    for (const entry of entries.filter((candidate) => candidate.isFile())) {
      const path = join(entry.parentPath, entry.name);
      const stats = await stat(path).catch(() => null);
      if (stats !== null) sizes.set(path, stats.blocks * 512);
    }
  }
  return sizes;
}
