import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What release 0.6.6 wrote for a snapshot of five bytes, with other values for some keys. */
export function legacyDescriptor(values: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    schema: 1,
    format: 'raw',
    fstype: 'ext4',
    image: { ref: 'localhost/small:latest', manifest_digest: `sha256:${'a'.repeat(64)}` },
    parent: null,
    created_at: '2026-07-01T10:00:00Z',
    labels: {},
    upper: { file: 'upper.ext4', size_bytes: 5, integrity: null },
    source_sandbox: 'box',
    ...values,
  });
}

/** Makes a legacy snapshot in a folder; gives the identity by which children name it. */
export async function writeLegacySnapshot(folder: string, descriptor = legacyDescriptor()): Promise<string> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'upper.ext4'), 'hello');
  await writeFile(join(folder, 'manifest.json'), descriptor);
  return `sha256:${createHash('sha256').update(descriptor).digest('hex')}`;
}

/** Makes the snapshots `root` and, upon it, `child`. */
export async function writeParentGraph(snapshotsDir: string): Promise<void> {
  const parent = await writeLegacySnapshot(join(snapshotsDir, 'root'));
  const labels = { '9': 'm', b: 'é"\u2028', '10': 'n' };
  const created_at = '2026-07-01T12:00:00.120+02:00';
  await writeLegacySnapshot(
    join(snapshotsDir, 'child'),
    legacyDescriptor({ parent, labels, created_at, source_sandbox: null }),
  );
}
