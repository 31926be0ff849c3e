import { rename, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { type CachedImage, ImageError, MicrosandboxError } from '@microsandbox/types';
import { errnoOf } from '@microsandbox/utils';
import type { CacheLayout } from '../cache/cache-layout.ts';
import { isValidErofs } from '../erofs/is-valid-erofs.ts';
import { hostFileError } from '../io/host-file-error.ts';
import type { ImageReference } from '../reference/image-reference.ts';
import type { BlobDescriptor, Registry } from '../registry/registry.ts';
import { RegistryFailure } from '../registry/registry-failure.ts';
import { DEFAULT_LAYER_LIMITS } from '../tar/layer-limits.ts';
import { beginLayer } from './begin-layer.ts';
import { compressionOf } from './compression.ts';
import { digestMismatch } from './digest-mismatch.ts';
import type { BuiltLayer, LayerBuild } from './layer-build.ts';
import type { LayerProgress } from './layer-progress.ts';
import { lockFile } from './lock-file.ts';
import { PartFile } from './part-file.ts';
import { publishFile } from './publish-file.ts';
import { verifiedBlob } from './verified-blob.ts';
import { WrongBlobError } from './wrong-blob-error.ts';

type LayerDescriptor = CachedImage['layers'][number];

export interface BuildLayerOptions {
  readonly layout: CacheLayout;
  readonly registry: Registry;
  readonly reference: ImageReference;
  readonly layer: LayerDescriptor;
  /** Builds the layer also when it is cached. */
  readonly force: boolean;
  /** Small files are kept in memory up to this sum, bytes. */
  readonly memoryBytes: number;
  readonly progress: LayerProgress;
  readonly signal?: AbortSignal | undefined;
}

/** A broken layer is read to its end to tell damage from bad content, unless more than this is left, bytes. */
const DRAIN_LIMIT = 256 * 1024 * 1024;

/**
 * Makes a layer's EROFS image from its blob in one pass: the bytes are hashed, unpacked, hashed again and read as an
 * archive while they arrive. The image appears under its name when all digests are right. Null when it was there.
 *
 * @throws {MicrosandboxError} `digestMismatch`, `noSpace`, `registryUnreachable` or `image`.
 */
export async function buildLayer(options: BuildLayerOptions): Promise<BuiltLayer | null> {
  const { layout, layer, force, registry, progress, signal } = options;
  const isDone = async (): Promise<boolean> => !force && (await isValidErofs(layout.layer(layer.diff_id)));
  if (await isDone()) return progress.complete();
  // Always in this order, so that two processes cannot wait for each other.
  await using _download = registry.isLocal ? null : await lockFile(layout.downloadLock(layer.digest), signal);
  await using _build = await lockFile(layout.layerLock(layer.diff_id), signal);
  if (await isDone()) return progress.complete();
  try {
    const build = registry.isLocal ? await ingest(options, undefined) : await download(options);
    return await publish(options, build);
  } finally {
    await rm(layout.spool(layer.diff_id), { force: true });
    await rm(layout.layerPart(layer.diff_id), { force: true });
  }
}

/** Downloads and unpacks; goes on where an earlier download was interrupted. */
async function download(options: BuildLayerOptions): Promise<LayerBuild> {
  const { layout, layer, force, registry, progress } = options;
  const path = layout.part(layer.digest);
  await adoptBlob(layout.blob(layer.digest), path);
  if (force) await rm(path, { force: true });
  for (;;) {
    const part = await PartFile.open(path);
    const isResumed = part.length > 0;
    try {
      const build = await ingest(options, part);
      await part.close();
      await rm(path, { force: true });
      return build;
    } catch (error) {
      await part.close();
      // A part of a broken or rejected download is of no use, and must not fill a full disk.
      const code = error instanceof MicrosandboxError ? error.code : undefined;
      const isRejected = code === 'digestMismatch' || code === 'noSpace' || code === 'image';
      const isUseless = isRejected && !(error instanceof RegistryFailure);
      if (isUseless) await rm(path, { force: true });
      const liar = error instanceof WrongBlobError ? registry.distrust?.(layer.digest) : null;
      if (typeof liar === 'string') {
        progress.sourceRejected(liar);
        continue;
      }
      if (!(isUseless && isResumed && code === 'digestMismatch')) throw error;
    }
  }
}

/** A complete download that was left by another tool is as good as a part. */
async function adoptBlob(blob: string, part: string): Promise<void> {
  try {
    await rename(blob, part);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw hostFileError('write', part, error);
  }
}

async function ingest(options: BuildLayerOptions, part: PartFile | undefined): Promise<LayerBuild> {
  const { layout, registry, reference, layer, memoryBytes, progress, signal } = options;
  const blob: BlobDescriptor = { digest: layer.digest, sizeBytes: layer.size_bytes };
  let bytesRead = 0;
  const onBytes = (bytes: number): void => {
    bytesRead = bytes;
    progress.downloaded(bytes);
  };
  const stop = new AbortController();
  const sourceSignal = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const source = new RememberedSource(
    verifiedBlob({ registry, reference, blob, part, onBytes, signal: sourceSignal }),
  );
  const build = await beginLayer({
    compression: compressionOf(layer.media_type),
    spoolPath: layout.spool(layer.diff_id),
    limits: { ...DEFAULT_LAYER_LIMITS, memoryBytes },
    signal,
  });
  let actual: string;
  try {
    actual = await build.read(source);
  } catch (error) {
    const left = (layer.size_bytes ?? Number.POSITIVE_INFINITY) - bytesRead;
    if (left <= DRAIN_LIMIT) await source.drain();
    throw explain(error, layer, source);
  } finally {
    // Wakes a source that waits for the network; one that is at its end does not notice.
    stop.abort();
    await source.close();
  }
  progress.downloadComplete(bytesRead);
  progress.materializing(bytesRead);
  if (actual !== layer.diff_id) throw digestMismatch(layer.digest, layer.diff_id, actual);
  return build;
}

/** Content that cannot be read may just be damaged: then the digest says so, and matters more. */
function explain(error: unknown, layer: LayerDescriptor, source: RememberedSource): unknown {
  if (!(error instanceof ImageError) || error instanceof RegistryFailure) return error;
  return source.failure ?? failed(layer, 'tar ingestion failed', error);
}

/**
 * A source that remembers how it failed. Its reader may have been gone by then: unpacking reads ahead, so the
 * verdict about a small blob can come to nobody.
 */
class RememberedSource implements AsyncIterator<Buffer, void, void> {
  failure: unknown;
  readonly #chunks: AsyncGenerator<Buffer, void, void>;

  constructor(chunks: AsyncGenerator<Buffer, void, void>) {
    this.#chunks = chunks;
  }

  async next(): Promise<IteratorResult<Buffer, void>> {
    try {
      return await this.#chunks.next();
    } catch (error) {
      this.failure = error;
      throw error;
    }
  }

  /** Takes all that is left. */
  async drain(): Promise<void> {
    while (!(await this.next().catch(() => ({ done: true }))).done);
  }

  async close(): Promise<void> {
    await this.#chunks.return().catch(() => undefined);
  }
}

function failed(layer: LayerDescriptor, step: string, cause: ImageError): ImageError {
  const { message, hint = 'the image itself is broken: build it again, or ask whoever made it' } = cause;
  const text = `materialization failed for layer ${layer.digest}: ${step}: ${message}`;
  return new ImageError(text, { cause, hint });
}

async function publish(options: BuildLayerOptions, build: LayerBuild): Promise<BuiltLayer> {
  const { layout, layer, progress } = options;
  progress.writing();
  const temporary = layout.layerPart(layer.diff_id);
  let built: BuiltLayer;
  try {
    built = await build.write(temporary);
  } catch (error) {
    throw error instanceof ImageError ? failed(layer, 'EROFS write failed', error) : error;
  }
  await publishFile(temporary, layout.layer(layer.diff_id));
  progress.complete();
  return built;
}

/** Layers that are built at once: one a core, but several also where the network is slower than one core. */
export function layerConcurrency(): number {
  return Math.min(Math.max(availableParallelism(), 3), 16);
}
