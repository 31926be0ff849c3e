import { Readable } from 'node:stream';
import { RegistryClientV2 } from 'oci-registry-client';
import type { LocalRegistry } from './local-registry.ts';
import type { ImageBlob, TestImage } from './test-image.ts';

export interface PushOptions {
  readonly registry: LocalRegistry;
  /** Repository below the registry: `library/busybox`. */
  readonly repository: string;
  readonly tag: string;
  readonly image: TestImage;
  readonly auth?: { readonly username: string; readonly password: string };
}

/**
 * Pushes an image with `oci-registry-client`, a client that shares no code with ours. Plain HTTP only; the
 * client can't be given a CA.
 *
 * @returns the reference to pull
 */
export async function pushImage(options: PushOptions): Promise<string> {
  const { registry, repository, tag, image } = options;
  const client = new RegistryClientV2({
    name: `${registry.host}/${repository}`,
    scheme: registry.scheme,
    scopes: ['pull', 'push'],
    acceptOCIManifests: true,
    ...options.auth,
  });
  const upload = async ({ digest, bytes }: ImageBlob) => {
    await client.blobUpload({ digest, stream: Readable.from([bytes]), contentLength: bytes.length });
  };
  for (const blob of [image.config, ...image.layers]) await upload(blob);
  await client.putManifest({
    ref: tag,
    manifestData: image.manifest.bytes,
    mediaType: image.manifest.mediaType,
  });
  return `${registry.host}/${repository}:${tag}`;
}
