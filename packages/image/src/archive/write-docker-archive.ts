import { createReadStream } from 'node:fs';
import type { SavedImage, SavedLayer } from './saved-image.ts';
import type { TarOutput } from './tar-output.ts';

const READ_BYTES = 1024 * 1024;

/** Writes images in the form of `docker save`: manifest first, then configurations, then each distinct layer. */
export async function writeDockerArchive(output: TarOutput, images: readonly SavedImage[]): Promise<void> {
  const manifest = images.map(({ configDigest, reference, layers }) => ({
    Config: `${hex(configDigest)}.json`,
    RepoTags: [reference],
    Layers: layers.map(({ digest }) => `${hex(digest)}/layer.tar`),
  }));
  await output.text('manifest.json', JSON.stringify(manifest, null, 2));
  for (const [digest, json] of new Map(images.map((image) => [image.configDigest, image.configJson]))) {
    await output.text(`${hex(digest)}.json`, json);
  }
  for (const layer of distinctLayers(images)) {
    await output.text(`${hex(layer.digest)}/VERSION`, '1.0\n');
    await output.text(`${hex(layer.digest)}/json`, '{}');
    await writeLayer(output, `${hex(layer.digest)}/layer.tar`, layer);
  }
}

/** Layers of all images, each once. */
export function distinctLayers(images: readonly SavedImage[]): SavedLayer[] {
  return [...new Map(images.flatMap(({ layers }) => layers.map((layer) => [layer.digest, layer]))).values()];
}

export async function writeLayer(output: TarOutput, name: string, { size, path }: SavedLayer): Promise<void> {
  await output.file(name, size, createReadStream(path, { highWaterMark: READ_BYTES }));
}

/** The hexadecimal part of a digest. */
export function hex(digest: string): string {
  return digest.slice(digest.indexOf(':') + 1);
}
