import { createHash } from 'node:crypto';
import { type CachedImage, ImageError, MicrosandboxError } from '@microsandbox/types';
import { parseCheckableDigest } from '../reference/image-digest.ts';
import type { ImageReference } from '../reference/image-reference.ts';
import { pinnedReference } from '../reference/parse-image-reference.ts';
import { CONFIG_BYTES } from './media-types.ts';
import { parseImageConfig } from './parse-image-config.ts';
import { type ImageManifest, type IndexEntry, parseManifest } from './parse-manifest.ts';
import { choosePlatform, formatPlatform, type Platform } from './platform.ts';
import type { BlobDescriptor, FetchedManifest, Registry } from './registry.ts';
import { withRetries } from './with-retries.ts';

/** An index may name an index, but not for ever. */
const MAX_INDEX_DEPTH = 8;

export interface ResolveImageOptions {
  readonly registry: Registry;
  readonly reference: ImageReference;
  readonly platform: Platform;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Finds the image of a reference for a platform: fetches its manifest (through an index, if it is one) and its
 * configuration, and checks that they belong together. No layer is fetched.
 *
 * @throws {ImageError} when there is no image for the platform, or a document is broken.
 */
export async function resolveImage(options: ResolveImageOptions): Promise<CachedImage> {
  const { reference, platform } = options;
  const { fetched, text, manifest } = await findManifest(options);
  const configJson = await fetchConfig(options, manifest.config);
  const { config, diffIds, os, architecture } = parseImageConfig(configJson);
  if (
    (os ?? platform.os) !== platform.os ||
    (architecture ?? platform.architecture) !== platform.architecture
  ) {
    throw noPlatform(reference, platform, `it is for ${os ?? '?'}/${architecture ?? '?'}`);
  }
  if (diffIds.length !== manifest.layers.length) {
    throw new ImageError(
      `layer count mismatch: config has ${diffIds.length} diff_ids but manifest has ${manifest.layers.length} layers`,
    );
  }
  return {
    manifest_digest: fetched.digest,
    config_digest: manifest.config.digest,
    raw_manifest_json: text,
    raw_config_json: configJson,
    config,
    layers: manifest.layers.map((layer, i) => ({
      digest: layer.digest,
      media_type: layer.mediaType,
      size_bytes: layer.size,
      diff_id: diffIds[i] as string,
    })),
  };
}

async function findManifest(
  options: ResolveImageOptions,
): Promise<{ readonly fetched: FetchedManifest; readonly text: string; readonly manifest: ImageManifest }> {
  const { registry, platform, signal } = options;
  let reference = options.reference;
  for (let depth = 0; depth <= MAX_INDEX_DEPTH; depth++) {
    const fetched = await registry.manifest(reference, { signal });
    const text = decodeText(fetched.bytes, 'manifest');
    const parsed = parseManifest(text, fetched.mediaType);
    if (parsed.kind === 'manifest') return { fetched, text, manifest: parsed.manifest };
    reference = pinnedReference(reference, chooseEntry(parsed.entries, platform, options.reference).digest);
  }
  throw new ImageError(
    `manifest parse error: indexes of ${options.reference.canonical} are nested too deeply`,
  );
}

function chooseEntry(
  entries: readonly IndexEntry[],
  platform: Platform,
  reference: ImageReference,
): IndexEntry {
  const images = entries.filter(({ mediaType }) => !mediaType?.includes('attestation'));
  const chosen = choosePlatform(images, platform);
  if (chosen !== undefined) return chosen;
  const offered = new Set(
    images.flatMap((entry) => (entry.platform ? [formatPlatform(entry.platform)] : [])),
  );
  throw noPlatform(reference, platform, `it has ${[...offered].slice(0, 12).join(', ') || 'none'}`);
}

function noPlatform(reference: ImageReference, platform: Platform, offered: string): ImageError {
  return new ImageError(
    `no manifest for platform ${formatPlatform(platform)} in ${reference.canonical}: ${offered}`,
    { hint: 'use another tag or image; one for another processor can be pulled with --platform, not run' },
  );
}

/** Fetches the configuration; from elsewhere when a mirror sent wrong bytes. */
async function fetchConfig(
  options: ResolveImageOptions,
  config: { readonly digest: string; readonly size: number | null },
): Promise<string> {
  for (;;) {
    try {
      return await fetchDocument(options, config);
    } catch (error) {
      const isWrong = error instanceof MicrosandboxError && error.code === 'digestMismatch';
      if (!isWrong || (options.registry.distrust?.(config.digest) ?? null) === null) throw error;
    }
  }
}

/** Fetches the configuration whole; it is small. */
async function fetchDocument(
  { registry, reference, signal }: ResolveImageOptions,
  { digest, size }: { readonly digest: string; readonly size: number | null },
): Promise<string> {
  const blob: BlobDescriptor = { digest, sizeBytes: size };
  const tooLarge = (): ImageError => new ImageError(`config parse error: longer than ${CONFIG_BYTES} bytes`);
  if (size !== null && size > CONFIG_BYTES) throw tooLarge();
  const bytes = await withRetries(async () => {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of registry.blob({ reference, blob, offset: 0, signal })) {
      length += chunk.length;
      if (length > CONFIG_BYTES) throw tooLarge();
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }, signal);
  assertContent(bytes, blob, reference);
  return decodeText(bytes, 'config');
}

function assertContent(
  bytes: Buffer,
  { digest, sizeBytes }: BlobDescriptor,
  reference: ImageReference,
): void {
  const { algorithm, encoded } = parseCheckableDigest(digest);
  const actual = createHash(algorithm).update(bytes).digest('hex');
  if (actual === encoded && (sizeBytes === null || sizeBytes === bytes.length)) return;
  throw new MicrosandboxError(
    'digestMismatch',
    `digest mismatch for config of ${reference.canonical}: expected ${digest} (${sizeBytes ?? '?'} bytes), got ${algorithm}:${actual} (${bytes.length} bytes)`,
  );
}

function decodeText(bytes: Buffer, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new ImageError(`${what} parse error: is not UTF-8`, { cause });
  }
}
