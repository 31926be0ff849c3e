import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ImageBlob, TestImage } from './test-image.ts';

/** Writes an image as an OCI layout folder (OCI image-layout specification), named by `reference`. */
export async function writeOciLayout(directory: string, image: TestImage, reference: string): Promise<void> {
  const blobs = join(directory, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  const write = (blob: ImageBlob) => writeFile(join(blobs, blob.digest.slice('sha256:'.length)), blob.bytes);
  await Promise.all([image.manifest, image.config, ...image.layers].map(write));
  await writeFile(join(directory, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  await writeFile(
    join(directory, 'index.json'),
    JSON.stringify({
      schemaVersion: 2,
      manifests: [
        {
          mediaType: image.manifest.mediaType,
          digest: image.manifest.digest,
          size: image.manifest.bytes.length,
          annotations: { 'org.opencontainers.image.ref.name': reference },
        },
      ],
    }),
  );
}
