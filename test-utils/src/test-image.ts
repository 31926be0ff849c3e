import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';

/** Blob of an image with its descriptor. */
export interface ImageBlob {
  readonly digest: string;
  readonly mediaType: string;
  readonly bytes: Buffer;
}

/** An image in memory: what a registry or an OCI layout serves. */
export interface TestImage {
  readonly manifest: ImageBlob;
  readonly config: ImageBlob;
  readonly layers: readonly ImageBlob[];
}

export interface TestImageOptions {
  /** Uncompressed tar archives, bottom first. */
  readonly layers: readonly Buffer[];
  readonly compression?: 'gzip' | 'none';
  /** 1 by default: quick. */
  readonly gzipLevel?: number;
  /** The `config` object of the image configuration: Env, Cmd, Entrypoint, WorkingDir, User, ... */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly architecture?: string;
}

const sha256 = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

function blob(bytes: Buffer, mediaType: string): ImageBlob {
  return { digest: sha256(bytes), mediaType, bytes };
}

const descriptor = ({ digest, mediaType, bytes }: ImageBlob) => ({ mediaType, digest, size: bytes.length });

/** Assembles an OCI image from layer archives (OCI image specification, manifest and config). */
export function buildTestImage(options: TestImageOptions): TestImage {
  const architecture = options.architecture ?? (process.arch === 'x64' ? 'amd64' : process.arch);
  const gzip = (options.compression ?? 'gzip') === 'gzip';
  const layers = options.layers.map((tar) =>
    gzip
      ? blob(gzipSync(tar, { level: options.gzipLevel ?? 1 }), 'application/vnd.oci.image.layer.v1.tar+gzip')
      : blob(tar, 'application/vnd.oci.image.layer.v1.tar'),
  );
  const config = blob(
    Buffer.from(
      JSON.stringify({
        architecture,
        os: 'linux',
        config: options.config ?? {},
        rootfs: { type: 'layers', diff_ids: options.layers.map(sha256) },
      }),
    ),
    'application/vnd.oci.image.config.v1+json',
  );
  const manifest = blob(
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        config: descriptor(config),
        layers: layers.map(descriptor),
      }),
    ),
    'application/vnd.oci.image.manifest.v1+json',
  );
  return { manifest, config, layers };
}
