import { ImageError } from '@microsandbox/types';
import { z } from 'zod';
import { parseCheckableDigest } from '../reference/image-digest.ts';
import { INDEX_MEDIA_TYPES, MANIFEST_MEDIA_TYPES, OCI_INDEX, OCI_MANIFEST } from './media-types.ts';

/** More layers than any builder makes (Docker stops at 127); each is a device of the guest's file system. */
const MAX_LAYERS = 1000;
/** More entries than any index has. */
const MAX_INDEX_ENTRIES = 10_000;

const digest = z.string().refine(isCheckable, 'is no digest that can be checked');
/** Zero stands for an unknown length. */
const size = z
  .number()
  .int()
  .nonnegative()
  .max(Number.MAX_SAFE_INTEGER)
  .nullish()
  .transform((bytes) => bytes || null);

const descriptor = z.object({
  mediaType: z
    .string()
    .nullish()
    .transform((type) => type ?? null),
  digest,
  size,
});

const manifestSchema = z.object({ config: descriptor, layers: z.array(descriptor) });

const indexSchema = z.object({
  manifests: z.array(
    z.object({
      mediaType: z.string().nullish(),
      digest,
      size,
      platform: z
        .object({
          os: z.string(),
          architecture: z.string(),
          variant: z
            .string()
            .nullish()
            .transform((variant) => variant ?? undefined),
        })
        .nullish(),
      annotations: z.record(z.string(), z.unknown()).nullish(),
    }),
  ),
});

/** Content of an image: configuration and layers, bottom first. */
export type ImageManifest = z.infer<typeof manifestSchema>;
/** One entry of an index. */
export type IndexEntry = z.infer<typeof indexSchema>['manifests'][number];

/** What a manifest's bytes can be. */
export type ParsedManifest =
  | { readonly kind: 'manifest'; readonly manifest: ImageManifest }
  | { readonly kind: 'index'; readonly entries: readonly IndexEntry[] };

/**
 * Reads a manifest or an index. `servedAs` is the media type that came with it and counts only when the document
 * itself names none.
 *
 * @throws {ImageError} `manifest parse error: …` or `unsupported manifest media type: …`
 */
export function parseManifest(text: string, servedAs?: string): ParsedManifest {
  const document = parseObject(text);
  const hasLayers = 'layers' in document;
  const hasManifests = 'manifests' in document;
  // One document must not be two things, depending on who reads it.
  if (hasLayers && hasManifests) throw broken('has both layers and manifests');
  if (document['schemaVersion'] !== 2) throw unsupportedVersion(document['schemaVersion'], servedAs);
  const own = typeof document['mediaType'] === 'string' ? document['mediaType'] : undefined;
  const isIndex = INDEX_MEDIA_TYPES.includes(mediaTypeOf(own, servedAs, hasManifests));
  if (isIndex) {
    assertLength(document['manifests'], MAX_INDEX_ENTRIES, 'manifests');
    return { kind: 'index', entries: check(indexSchema, document).manifests };
  }
  assertLength(document['layers'], MAX_LAYERS, 'layers');
  return { kind: 'manifest', manifest: check(manifestSchema, document) };
}

function mediaTypeOf(own: string | undefined, servedAs: string | undefined, hasManifests: boolean): string {
  if (own !== undefined) {
    if (!MANIFEST_MEDIA_TYPES.includes(own)) {
      throw new ImageError(`unsupported manifest media type: ${own.slice(0, 200)}`, {
        hint: 'only container images can be pulled: OCI, and Docker schema 2',
      });
    }
    return own;
  }
  if (servedAs !== undefined && MANIFEST_MEDIA_TYPES.includes(servedAs)) return servedAs;
  return hasManifests ? OCI_INDEX : OCI_MANIFEST;
}

function parseObject(text: string): Record<string, unknown> {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw broken('is not JSON', cause);
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    throw broken('is not an object');
  return document as Record<string, unknown>;
}

function check<T>(schema: z.ZodType<T>, document: unknown): T {
  const result = schema.safeParse(document);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw broken(`${issue?.path.join('.')}: ${issue?.message}`);
}

function assertLength(list: unknown, limit: number, name: string): void {
  if (Array.isArray(list) && list.length > limit)
    throw broken(`has ${list.length} ${name}, more than ${limit}`);
}

function unsupportedVersion(version: unknown, servedAs: string | undefined): ImageError {
  if (version !== 1) return broken('schemaVersion is not 2');
  return new ImageError(`unsupported manifest media type: ${servedAs ?? 'schema version 1'}`, {
    hint: 'push the image again with a current tool; Docker schema 1 is no longer in use',
  });
}

function broken(reason: string, cause?: unknown): ImageError {
  return new ImageError(`manifest parse error: ${reason}`, {
    cause,
    hint: 'check that the name is that of a container image, and its address that of a registry',
  });
}

function isCheckable(text: string): boolean {
  try {
    parseCheckableDigest(text);
    return true;
  } catch {
    return false;
  }
}
