import { OCI_MANIFEST } from '../registry/media-types.ts';
import { digestOf, type SavedImage } from './saved-image.ts';
import { sortedJson } from './sorted-json.ts';
import type { TarOutput } from './tar-output.ts';
import { distinctLayers, hex, writeLayer } from './write-docker-archive.ts';

const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar';
const REF_NAME = 'org.opencontainers.image.ref.name';

/** Writes images as an OCI layout: index first, then configurations and manifests, then each distinct layer. */
export async function writeOciArchive(output: TarOutput, images: readonly SavedImage[]): Promise<void> {
  const manifests = images.map(encodeManifest);
  const index = images.map(({ reference, os, architecture }, i) => ({
    mediaType: OCI_MANIFEST,
    digest: digestOf(manifests[i] as string),
    size: Buffer.byteLength(manifests[i] as string),
    platform: { architecture, os },
    annotations: { [REF_NAME]: reference },
  }));
  await output.text('oci-layout', '{"imageLayoutVersion":"1.0.0"}');
  await output.text('index.json', sortedJson({ schemaVersion: 2, manifests: index }, 2));
  await output.directory('blobs');
  await output.directory('blobs/sha256');
  const documents = images.flatMap(({ configJson }, i) => [configJson, manifests[i] as string]);
  for (const document of new Set(documents)) await output.text(blob(digestOf(document)), document);
  for (const layer of distinctLayers(images)) await writeLayer(output, blob(layer.digest), layer);
}

function encodeManifest({ configJson, configDigest, layers }: SavedImage): string {
  return sortedJson({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { mediaType: CONFIG_TYPE, digest: configDigest, size: Buffer.byteLength(configJson) },
    layers: layers.map(({ digest, size }) => ({ mediaType: LAYER_TYPE, digest, size })),
  });
}

function blob(digest: string): string {
  return `blobs/sha256/${hex(digest)}`;
}
