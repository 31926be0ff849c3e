import { access, mkdir } from 'node:fs/promises';
import type { SandboxConfigRecord } from '@microsandbox/types';
import { invalidConfig } from '../config/invalid-config.ts';
import type { SandboxPlace } from './sandbox-place.ts';

/** Makes the sandbox's folder and what it writes to, unless that is there (spec: state 11, step 5). */
export async function prepareDisks(place: SandboxPlace, config: SandboxConfigRecord): Promise<void> {
  await mkdir(place.layout.sandboxesDir, { recursive: true, mode: 0o700 });
  await mkdir(place.paths.dir, { recursive: true, mode: 0o700 });
  if (!('Oci' in config.image)) return;
  const root = config.image.Oci.root_disk ?? { kind: 'managed' };
  if (root.kind === 'disk-image') {
    if (!(await exists(root.path))) throw invalidConfig(`root disk image not found: ${root.path}`);
  } else if (root.kind === 'managed' && !(await exists(place.paths.upperDisk))) {
    const { createUpperDisk } = await import('@microsandbox/image');
    await createUpperDisk({ path: place.paths.upperDisk, sizeMib: root.size_mib ?? 4096 });
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
