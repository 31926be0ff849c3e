import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { referenceMsb } from '@microsandbox/test-utils';
import { tarArchive } from './tar-builder.ts';

const run = promisify(execFile);

/** The reference implementation's command, from the npm package that also brings the guest kernel. */
export const upstreamMsb = referenceMsb();

/** Why the reference implementation can't be asked here, or null. */
export const noUpstreamMsb: string | null =
  upstreamMsb === null ? 'no microsandbox 0.6.14 binary for this platform' : null;

if (noUpstreamMsb !== null) console.error(`SKIPPED: ${noUpstreamMsb}`);

/** The disks that the reference implementation makes of an image. */
export interface UpstreamDisks {
  /** One path a layer, bottom first. */
  readonly layers: readonly string[];
  readonly fsmeta: string;
}

/** Lets the reference implementation make disks of an image with these layers, in a home of its own. */
export async function upstreamDisks(home: string, layers: readonly Buffer[]): Promise<UpstreamDisks> {
  await mkdir(home, { recursive: true });
  const archive = join(home, 'image.tar');
  await writeFile(archive, ociArchive(layers));
  // Its own home and no inherited settings: whatever this machine has of it stays untouched.
  const env = { PATH: process.env['PATH'] ?? '', HOME: home, MSB_HOME: home };
  await run(upstreamMsb ?? '', ['load', '--quiet', '--input', archive], { env, timeout: 60_000 });
  const fsmeta = (await readdir(join(home, 'cache/fsmeta'))).find((name) => name.endsWith('.erofs'));
  return {
    layers: layers.map((layer) => join(home, 'cache/layers', `sha256_${sha256(layer)}.erofs`)),
    fsmeta: join(home, 'cache/fsmeta', fsmeta ?? ''),
  };
}

/** An OCI image layout in a tar archive. */
function ociArchive(layers: readonly Buffer[]): Buffer {
  const blobs: Buffer[] = [];
  const descriptor = (mediaType: string, blob: Buffer): object => {
    blobs.push(blob);
    return {
      mediaType: `application/vnd.oci.image.${mediaType}`,
      digest: `sha256:${sha256(blob)}`,
      size: blob.length,
    };
  };
  const config = json({
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => `sha256:${sha256(layer)}`) },
  });
  const manifest = json({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: descriptor('config.v1+json', config),
    layers: layers.map((layer) => descriptor('layer.v1.tar', layer)),
  });
  const index = json({
    schemaVersion: 2,
    manifests: [
      {
        ...descriptor('manifest.v1+json', manifest),
        annotations: { 'org.opencontainers.image.ref.name': 'local/test:1' },
      },
    ],
  });
  const files = new Map(blobs.map((blob) => [`blobs/sha256/${sha256(blob)}`, blob]));
  files.set('oci-layout', json({ imageLayoutVersion: '1.0.0' })).set('index.json', index);
  return tarArchive(...[...files].map(([name, body]) => ({ name, body })));
}

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
