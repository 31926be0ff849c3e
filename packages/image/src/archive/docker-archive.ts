import { createHash } from 'node:crypto';
import { ImageError, MicrosandboxError } from '@microsandbox/types';
import { z } from 'zod';
import { CONFIG_BYTES, OCI_MANIFEST } from '../registry/media-types.ts';
import { parseImageConfig } from '../registry/parse-image-config.ts';
import type { ArchiveFiles } from './archive-files.ts';
import type { ArchiveImage } from './archive-image.ts';
import { DockerArchiveSource, type StoredBlob } from './docker-archive-source.ts';

const MANIFEST_BYTES = 16 * 1024 * 1024;
const NO_NAME = '<none>:<none>';
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar';
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
/** Newer archives name files by their digest. */
const DIGEST_PATH = /^blobs\/sha256\/([0-9a-f]{64})$/;

const manifestSchema = z.array(
  z.object({
    Config: z.string(),
    RepoTags: z.array(z.string()).nullish(),
    Layers: z.array(z.string()).nullish(),
  }),
);

type ManifestEntry = z.infer<typeof manifestSchema>[number];

/**
 * The images of an archive that `docker save` or a tool like it wrote. `tags` go to the first.
 *
 * @throws {ImageError} when its manifest is broken or empty, or an image has no name.
 */
export async function dockerArchiveImages(
  files: ArchiveFiles,
  tags: readonly string[],
): Promise<ArchiveImage[]> {
  const entries = parseEntries(await files.readSmall('manifest.json', MANIFEST_BYTES));
  if (entries.length === 0) throw new ImageError('docker archive manifest is empty');
  const images: ArchiveImage[] = [];
  for (const [i, entry] of entries.entries()) {
    const own = (entry.RepoTags ?? []).filter((tag) => tag !== NO_NAME);
    const references = [...new Set([...own, ...(i === 0 ? tags : [])])].sort();
    if (references.length === 0) {
      throw new ImageError('docker archive image has no tags; pass --tag to name it');
    }
    images.push({ references, source: await openImage(files, entry) });
  }
  return images;
}

function parseEntries(bytes: Buffer): ManifestEntry[] {
  try {
    return manifestSchema.parse(JSON.parse(bytes.toString('utf8')));
  } catch (cause) {
    throw new ImageError('docker archive manifest is broken', { cause });
  }
}

/** Makes the OCI manifest that the archive lacks: compact JSON with sorted keys, as upstream does. */
async function openImage(files: ArchiveFiles, entry: ManifestEntry): Promise<DockerArchiveSource> {
  const config = await files.readSmall(entry.Config, CONFIG_BYTES);
  const { diffIds } = parseImageConfig(config.toString('utf8'));
  const layers = entry.Layers ?? [];
  if (layers.length !== diffIds.length) {
    throw new ImageError(
      `layer count mismatch: config has ${diffIds.length} diff_ids but manifest has ${layers.length} layers`,
    );
  }
  const blobs: StoredBlob[] = [];
  for (const [i, path] of layers.entries())
    blobs.push(await describeLayer(files, path, diffIds[i] as string));
  const digest = `sha256:${createHash('sha256').update(config).digest('hex')}`;
  assertNamedBy(entry.Config, digest);
  const manifest = JSON.stringify({
    config: { digest, mediaType: CONFIG_TYPE, size: config.length },
    layers: blobs.map(({ digest, mediaType, size }) => ({ digest, mediaType, size })),
    mediaType: OCI_MANIFEST,
    schemaVersion: 2,
  });
  const configBlob: StoredBlob = { digest, mediaType: CONFIG_TYPE, size: config.length, path: entry.Config };
  return new DockerArchiveSource(files, manifest, [configBlob, ...blobs]);
}

/**
 * Digest, length and packing of a layer. That of a plain archive is its diff id, which is checked when it is unpacked;
 * a packed one must be hashed.
 */
async function describeLayer(files: ArchiveFiles, path: string, diffId: string): Promise<StoredBlob> {
  const size = files.sizeOf(path);
  const suffix = await packingOf(files, path);
  const digest = suffix === '' ? diffId : await hashFile(files, path);
  assertNamedBy(files.resolve(path), digest);
  return { digest, mediaType: LAYER_TYPE + suffix, size, path };
}

async function packingOf(files: ArchiveFiles, path: string): Promise<'' | '+gzip' | '+zstd'> {
  const first = (await files.read(path, 0, undefined).next()).value;
  const magic = first?.subarray(0, 4).toString('hex') ?? '';
  if (magic === '28b52ffd') return '+zstd';
  return magic.startsWith('1f8b') ? '+gzip' : '';
}

async function hashFile(files: ArchiveFiles, path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of files.read(path, 0, undefined)) hash.update(chunk);
  return `sha256:${hash.digest('hex')}`;
}

function assertNamedBy(path: string, digest: string): void {
  const named = DIGEST_PATH.exec(path)?.[1];
  if (named === undefined || digest === `sha256:${named}`) return;
  throw new MicrosandboxError('digestMismatch', `digest mismatch for ${path}: got ${digest}`);
}
