import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { arch } from 'node:os';
import { join } from 'node:path';
import { encodeTarEntry, TAR_END } from '@microsandbox/image';

const OCI = 'application/vnd.oci.image';
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

const TMP = {
  ...{ name: 'tmp/', type: '5', mode: 0o1777, uid: 0, gid: 0, mtime: 0, size: 0, linkName: '' },
  ...{ major: 0, minor: 0 },
};

/**
 * Writes an image with nothing but a `/tmp` as an OCI image layout (image-spec, image-layout.md): enough to boot, since
 * the agent comes with the initramfs.
 */
export async function writeEmptyImage(folder: string): Promise<void> {
  const blobs = join(folder, 'blobs/sha256');
  await mkdir(blobs, { recursive: true });
  const blob = async (mediaType: string, content: Uint8Array) => {
    const hex = createHash('sha256').update(content).digest('hex');
    await writeFile(join(blobs, hex), content);
    return { mediaType, digest: `sha256:${hex}`, size: content.length };
  };
  const json = (value: unknown) => Buffer.from(JSON.stringify(value));

  const layer = await blob(`${OCI}.layer.v1.tar`, Buffer.concat([encodeTarEntry(TMP), TAR_END]));
  const config = await blob(
    `${OCI}.config.v1+json`,
    json({
      architecture: ARCHITECTURES[arch()] ?? arch(),
      os: 'linux',
      config: { Cmd: ['/none'] },
      rootfs: { type: 'layers', diff_ids: [layer.digest] },
    }),
  );
  const mediaType = `${OCI}.manifest.v1+json`;
  const manifest = await blob(mediaType, json({ schemaVersion: 2, mediaType, config, layers: [layer] }));
  await writeFile(join(folder, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }));
  await writeFile(join(folder, 'index.json'), json({ schemaVersion: 2, manifests: [manifest] }));
}
