import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ImageRepository, imageNotFound } from '@microsandbox/db';
import type { ImageHistoryEntry, Materialization } from '@microsandbox/image';
import type { PullProgressEvent } from '@microsandbox/types';
import { currentBackend } from '../backend/current-backend.ts';
import type { RegistryOptions } from '../builders/registry-config-builder.ts';
import { oneOf } from '../config/one-of.ts';
import type { PullPolicy } from '../values.ts';
import { collectImages } from './collect-images.ts';
import { defaultMaterialization } from './default-materialization.ts';
import { deleteImageFiles } from './delete-image-files.ts';
import { type ImageDetail, imageDetailOf } from './image-detail.ts';
import { type ImageDiskUsage, imageDiskUsage } from './image-disk-usage.ts';
import { ImageHandle } from './image-handle.ts';
import { recordImage } from './record-image.ts';
import { resolveImage } from './resolve-image.ts';

/** What a prune took away. */
export interface ImagePruneReport {
  readonly imageRefsRemoved: number;
  readonly manifestsRemoved: number;
  readonly layersRemoved: number;
  readonly fsmetaRemoved: number;
  readonly vmdkRemoved: number;
  /** Null when nothing was deleted. */
  readonly bytesReclaimed: number | null;
}

/** How to pull. */
export interface ImagePullOptions {
  readonly pullPolicy?: PullPolicy;
  /** Pulls again what is cached. */
  readonly force?: boolean;
  /**
   * What is made of the layers: `layered` for sandboxes that share them, `flat` for those with a disk of their own,
   * or `all`. The host's default root disk decides when absent.
   */
  readonly materialization?: Materialization;
  /** `OS/ARCHITECTURE[/VARIANT]`; this machine's by default, which is the only one that sandboxes run. */
  readonly platform?: string;
  readonly registry?: RegistryOptions;
  readonly onProgress?: (event: PullProgressEvent) => void;
  readonly signal?: AbortSignal;
}

const STORED_POLICIES = { always: 'Always', 'if-missing': 'IfMissing', never: 'Never' } as const;

/** Images in the cache. References are matched as they were typed. */
// biome-ignore lint/complexity/noStaticOnlyClass: the name and shape of the reference SDK
export class Image {
  /** @throws ImageNotFoundError */
  static async get(reference: string): Promise<ImageHandle> {
    const row = await currentBackend()
      .local('Image::get')
      .reading((catalog) => new ImageRepository(catalog).byReference(reference));
    if (row === null) throw imageNotFound(reference);
    return new ImageHandle(row);
  }

  /** All images, newest first. */
  static async list(): Promise<ImageHandle[]> {
    const rows = await currentBackend()
      .local('Image::list')
      .reading((catalog) => new ImageRepository(catalog).list());
    return rows.map((row) => new ImageHandle(row));
  }

  /**
   * Everything known about an image.
   *
   * @throws ImageNotFoundError
   */
  static async inspect(reference: string): Promise<ImageDetail> {
    return imageDetailOf(
      await currentBackend()
        .local('Image::inspect')
        .reading((catalog) => new ImageRepository(catalog).detail(reference)),
    );
  }

  /**
   * Makes sure that an image is in the cache, from its registry unless it is there.
   *
   * @throws ImageError
   */
  static async pull(
    reference: string,
    options: ImagePullOptions = {},
  ): Promise<{ readonly image: ImageHandle; readonly cached: boolean }> {
    const backend = currentBackend().local('Image::pull');
    const { pullPolicy = 'if-missing', platform: wanted, ...rest } = options;
    const { hostPlatform, parsePlatform } = await import('@microsandbox/image/lookup');
    const platform = wanted === undefined ? hostPlatform() : parsePlatform(wanted);
    const pulled = await resolveImage(backend, {
      materialization: await defaultMaterialization(backend),
      ...rest,
      reference,
      platform,
      pullPolicy: STORED_POLICIES[pullPolicy],
    });
    await recordImage(backend, reference, pulled.image, platform);
    if (!pulled.cached) await collectImages(backend).catch(() => {});
    return { image: await Image.get(reference), cached: pulled.cached };
  }

  /**
   * Takes an image from a folder in OCI layout and makes it available under `reference`, as if it had been
   * pulled.
   *
   * @throws ImageError
   */
  static async importLayout(
    directory: string,
    options: { readonly reference: string; readonly onProgress?: (event: PullProgressEvent) => void },
  ): Promise<ImageHandle> {
    const backend = currentBackend().local('Image::import_layout');
    const { importOciLayout } = await import('@microsandbox/image');
    const { cacheDir } = await backend.layout();
    const { reference, onProgress } = options;
    const imported = await importOciLayout({
      directory,
      reference,
      cacheDir,
      ...(onProgress && { onProgress }),
    });
    await recordImage(backend, reference, imported.image);
    return Image.get(reference);
  }

  /**
   * Takes the images of an archive that `docker save` or its like wrote, or of the same as bytes. `tag` adds a
   * reference to the first image.
   *
   * @throws ImageError
   */
  static async load(
    input: string | AsyncIterable<Uint8Array>,
    options: {
      readonly tag?: string | readonly string[];
      readonly onProgress?: (event: PullProgressEvent) => void;
      readonly signal?: AbortSignal;
    } = {},
  ): Promise<ImageHandle[]> {
    const backend = currentBackend().local('Image::load');
    const { loadArchive } = await import('@microsandbox/image');
    const { cacheDir } = await backend.layout();
    const { tag = [], ...rest } = options;
    const loaded = await loadArchive({
      input,
      cacheDir,
      tags: typeof tag === 'string' ? [tag] : tag,
      ...rest,
    });
    for (const { reference, image } of loaded) await recordImage(backend, reference, image);
    await collectImages(backend).catch(() => {});
    return Promise.all(loaded.map(({ reference }) => Image.get(reference)));
  }

  /**
   * Writes cached images into an archive that `docker load` takes, or in OCI layout.
   *
   * @throws ImageNotFoundError
   */
  static async save(
    reference: string | readonly string[],
    options: {
      readonly outputPath: string;
      readonly format?: 'docker' | 'oci';
      readonly signal?: AbortSignal;
    },
  ): Promise<void> {
    const backend = currentBackend().local('Image::save');
    const references = typeof reference === 'string' ? [reference] : reference;
    if (references.length === 0) throw new Error('at least one image reference is required');
    const { format = 'docker' } = options;
    oneOf(format, ['docker', 'oci'], `invalid archive format '${format}': expected 'docker' or 'oci'`);
    const { saveArchive } = await import('@microsandbox/image');
    const { cacheDir } = await backend.layout();
    await saveArchive({ ...options, references, cacheDir });
  }

  /**
   * The same into a stream, which is left open.
   *
   * @throws ImageNotFoundError
   */
  static async saveTo(
    output: Writable,
    reference: string | readonly string[],
    options: { readonly format?: 'docker' | 'oci'; readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    const { cacheDir } = await currentBackend().local('Image::save').layout();
    // Beside the layers, where there is room for such sizes.
    await mkdir(cacheDir, { recursive: true, mode: 0o700 });
    const folder = await mkdtemp(join(cacheDir, 'save-'));
    const outputPath = join(folder, 'images.tar');
    try {
      await Image.save(reference, { ...options, outputPath });
      await pipeline(createReadStream(outputPath), output, { end: false, signal: options.signal });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /**
   * Gives a cached image a further reference.
   *
   * @example
   * await Image.tag('alpine:3.21', 'base');
   * @throws ImageNotFoundError
   */
  static async tag(source: string, target: string): Promise<ImageHandle> {
    const backend = currentBackend().local('Image::tag');
    const { tagImage } = await import('@microsandbox/image');
    const { manifestDigest } = await Image.get(source);
    const { cacheDir } = await backend.layout();
    const image = await tagImage({
      cacheDir,
      source,
      target,
      ...(manifestDigest !== null && { manifestDigest }),
    });
    await recordImage(backend, target, image);
    return Image.get(target);
  }

  /**
   * How an image was built, the last step first.
   *
   * @throws ImageNotFoundError
   */
  static async history(reference: string): Promise<ImageHistoryEntry[]> {
    const backend = currentBackend().local('Image::history');
    const { ImageCache, imageHistory } = await import('@microsandbox/image');
    const { manifestDigest } = await Image.get(reference);
    const { cacheDir } = await backend.layout();
    const image = await new ImageCache(cacheDir).findByManifestDigest(manifestDigest ?? '');
    if (image === null) throw imageNotFound(reference);
    return imageHistory(image);
  }

  /** What images and warm-boot templates take on the disk. */
  static async diskUsage(): Promise<ImageDiskUsage> {
    return imageDiskUsage(currentBackend().local('Image::disk_usage'));
  }

  /**
   * Forgets a reference and deletes what only it needed.
   *
   * @throws ImageNotFoundError
   * @throws ImageInUseError
   */
  static async remove(reference: string, options: { readonly force?: boolean } = {}): Promise<void> {
    const backend = currentBackend().local('Image::remove');
    const removed = await new ImageRepository(await backend.catalog()).remove(reference, options);
    await deleteImageFiles((await backend.layout()).cacheDir, removed);
  }

  /** Forgets and deletes every image that no sandbox and no snapshot needs, and what interrupted pulls left. */
  static async prune(): Promise<ImagePruneReport> {
    const backend = currentBackend().local('Image::prune');
    const { ImageCache } = await import('@microsandbox/image');
    const images = new ImageRepository(await backend.catalog());
    const { cacheDir } = await backend.layout();
    const removed = await images.prune();
    const files = await deleteImageFiles(cacheDir, removed);
    const orphans = await new ImageCache(cacheDir).removeOrphans(await images.known());
    const bytes = files.bytes + orphans.bytes;
    return {
      imageRefsRemoved: removed.references.length,
      manifestsRemoved: removed.manifestDigests.length,
      layersRemoved: removed.layerDiffIds.length,
      fsmetaRemoved: files.fsmeta + orphans.fsmeta,
      vmdkRemoved: files.vmdk + orphans.vmdk,
      bytesReclaimed: bytes === 0 ? null : bytes,
    };
  }
}
