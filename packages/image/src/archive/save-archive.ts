import { createHash, randomBytes } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type CachedImage, ImageNotFoundError } from '@microsandbox/types';
import { CacheLayout } from '../cache/cache-layout.ts';
import { hasAllLayers, imageFiles } from '../cache/image-files.ts';
import { readImageMetadata } from '../cache/image-metadata.ts';
import { BatchWriter } from '../io/batch-writer.ts';
import { hostFileError } from '../io/host-file-error.ts';
import { lockFile } from '../pull/lock-file.ts';
import { parseImageReference } from '../reference/parse-image-reference.ts';
import { layerTar } from './layer-tar.ts';
import { type SavedImage, type SavedLayer, savedImage } from './saved-image.ts';
import { TarOutput } from './tar-output.ts';
import { writeDockerArchive } from './write-docker-archive.ts';
import { writeOciArchive } from './write-oci-archive.ts';

export interface SaveArchiveOptions {
  /** Names of cached images. */
  readonly references: readonly string[];
  /** Folder of the image cache. */
  readonly cacheDir: string;
  /** File to make or to replace. */
  readonly outputPath: string;
  /** `docker` by default: what `docker load` takes. */
  readonly format?: 'docker' | 'oci';
  readonly signal?: AbortSignal;
}

/**
 * Writes cached images into an archive. Layers are made again from their disk images, uncompressed: their digests
 * are not those of the registry's. The archive appears under its name when it is complete.
 *
 * @throws {ImageNotFoundError} when an image is not cached.
 */
export async function saveArchive(options: SaveArchiveOptions): Promise<void> {
  const { references, outputPath, cacheDir, format = 'docker', signal } = options;
  const layout = new CacheLayout(cacheDir);
  await layout.create();
  await using _lock = await lockFile(layout.useLock, signal, 'shared');
  const suffix = randomBytes(6).toString('hex');
  const temporary = join(dirname(outputPath), `.${basename(outputPath)}.${suffix}.tmp`);
  const layers = new LayerArchives(layout, signal);
  const output = new TarOutput(temporary);
  try {
    const images: SavedImage[] = [];
    for (const reference of references) images.push(await prepare(layout, reference, layers));
    await (format === 'oci' ? writeOciArchive : writeDockerArchive)(output, images);
    await output.finish();
    await rename(temporary, outputPath).catch((error: unknown) => {
      throw hostFileError('write', outputPath, error);
    });
  } finally {
    await output.abort();
    await rm(temporary, { force: true });
    await layers.remove();
  }
}

async function prepare(layout: CacheLayout, reference: string, archives: LayerArchives): Promise<SavedImage> {
  const image = await readImageMetadata(layout.metadata(parseImageReference(reference).canonical));
  if (image === null || !(await hasAllLayers(imageFiles(layout, image)))) {
    throw new ImageNotFoundError(`image not found: ${reference}`, {
      hint: `pull it first: msb pull ${reference}`,
    });
  }
  const layers: SavedLayer[] = [];
  for (const layer of image.layers) layers.push(await archives.of(layer));
  return savedImage(reference, image, layers);
}

/** Archives of layers in temporary files, each made once. */
class LayerArchives {
  readonly #layout: CacheLayout;
  readonly #signal: AbortSignal | undefined;
  readonly #made = new Map<string, SavedLayer>();
  readonly #paths: string[] = [];

  constructor(layout: CacheLayout, signal: AbortSignal | undefined) {
    this.#layout = layout;
    this.#signal = signal;
  }

  async of({ diff_id }: CachedImage['layers'][number]): Promise<SavedLayer> {
    const known = this.#made.get(diff_id);
    if (known !== undefined) return known;
    const name = `save-${process.pid}-${randomBytes(6).toString('hex')}.layer.tar`;
    const path = join(this.#layout.temporaryDir, name);
    this.#paths.push(path);
    const made = await this.#write(this.#layout.layer(diff_id), path);
    this.#made.set(diff_id, made);
    return made;
  }

  async remove(): Promise<void> {
    for (const path of this.#paths) await rm(path, { force: true });
  }

  async #write(image: string, path: string): Promise<SavedLayer> {
    const hash = createHash('sha256');
    const writer = new BatchWriter(path);
    try {
      for await (const chunk of layerTar(image, this.#signal)) {
        hash.update(chunk);
        writer.append(chunk);
        await writer.drain();
      }
      await writer.finish();
    } finally {
      await writer.abort();
    }
    return { digest: `sha256:${hash.digest('hex')}`, size: writer.position, path };
  }
}
