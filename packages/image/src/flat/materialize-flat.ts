import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CachedImage } from '@microsandbox/types';
import type { CacheLayout } from '../cache/cache-layout.ts';
import { hostFileError } from '../io/host-file-error.ts';
import { lockFile } from '../pull/lock-file.ts';
import { hostPlatform, type Platform } from '../registry/platform.ts';
import { buildFlatImage } from './build-flat-image.ts';
import { flatDerivation, flatUuid, MATERIALIZER_ABI } from './flat-derivation.ts';
import { FlatLayout } from './flat-layout.ts';
import { type FlatKey, type FlatRef, readFlatRef, writeFlatRef } from './flat-ref.ts';
import { publishBlob } from './publish-blob.ts';

/** An image as one file system that sandboxes are cloned from. */
export interface FlatImage {
  /** The file; never changed. */
  readonly path: string;
  readonly ref: FlatRef;
}

export interface FindFlatOptions {
  readonly layout: CacheLayout;
  readonly image: Pick<CachedImage, 'manifest_digest' | 'layers'>;
  /** That the image was pulled for; Linux on this machine's processor when absent. */
  readonly platform?: Platform | undefined;
}

export interface MaterializeFlatOptions extends FindFlatOptions {
  /** Makes it anew, whatever is cached. */
  readonly force?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** The flat image of an image, or null when it is not in the cache. Takes no lock. */
export async function findFlat({ layout, ...options }: FindFlatOptions): Promise<FlatImage | null> {
  const flat = new FlatLayout(layout);
  return found(flat, await readFlatRef(flat, keyOf(derivationOf(options), options.image)));
}

/**
 * Makes one ext4 file system of all layers of an image, unless it is there. The layers must be in the cache. Equal
 * images give equal bytes. Several processes share the work.
 *
 * @throws {ImageError} when a layer is broken, or the tree cannot be expressed in ext4.
 * @throws {MicrosandboxError} `noSpace`; the signal's reason when it aborts.
 */
export async function materializeFlat(options: MaterializeFlatOptions): Promise<FlatImage> {
  const { layout, image, force = false, signal } = options;
  const flat = new FlatLayout(layout);
  const derivation = derivationOf(options);
  const key = keyOf(derivation, image);
  const lookUp = async (): Promise<FlatImage | null> =>
    force ? null : found(flat, await readFlatRef(flat, key));
  const cached = await lookUp();
  if (cached !== null) return cached;
  await layout.create();
  await using _lock = await lockFile(flat.lock(key.derivationDigest), signal);
  const meanwhile = await lookUp();
  if (meanwhile !== null) return meanwhile;
  const work = flat.workDir(key.derivationDigest);
  try {
    await mkdir(work, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
      throw hostFileError('write', work, error);
    });
    const candidate = join(work, 'rootfs.raw.part');
    const made = await buildFlatImage({ layout, image, derivation, path: candidate, signal });
    await publishBlob(flat, { candidate, digest: made.digest, bytes: made.bytes, signal });
    const ref: FlatRef = {
      schema: 1,
      manifest_digest: key.manifestDigest,
      derivation_digest: key.derivationDigest,
      artifact_digest: made.digest,
      materializer_abi: MATERIALIZER_ABI,
      uuid: flatUuid(derivation).toString('hex'),
      virtual_size_bytes: made.bytes,
      inode_count: made.inodes,
      content_bytes: made.contentBytes,
    };
    await writeFlatRef(flat, ref);
    return { path: flat.blob(made.digest), ref };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function derivationOf({ image, platform = hostPlatform() }: Omit<FindFlatOptions, 'layout'>): Buffer {
  const diffIds = image.layers.map(({ diff_id }) => diff_id);
  return flatDerivation({ platform, manifestDigest: image.manifest_digest, diffIds });
}

function keyOf(derivation: Buffer, image: FindFlatOptions['image']): FlatKey {
  return {
    manifestDigest: image.manifest_digest,
    derivationDigest: `sha256:${derivation.toString('hex')}`,
  };
}

function found(flat: FlatLayout, ref: FlatRef | null): FlatImage | null {
  return ref === null ? null : { path: flat.blob(ref.artifact_digest), ref };
}
