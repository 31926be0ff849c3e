import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomSandboxName } from '@microsandbox/utils';
import { type BootInfo, Image, Sandbox } from 'microsandbox';
import { writeEmptyImage } from './empty-image.ts';

/** Boots an empty sandbox of this home and leaves nothing of it. @throws BootStartError */
export async function tryBoot(): Promise<BootInfo> {
  const name = `doctor-${randomSandboxName()}`;
  const reference = `localhost/${name}:latest`;
  const folder = await mkdtemp(join(tmpdir(), 'msb-doctor-'));
  try {
    await writeEmptyImage(folder);
    await Image.importLayout(folder, { reference });
    const sandbox = await Sandbox.builder(name).image(reference).pullPolicy('never').create();
    await sandbox.stop();
    return sandbox.boot as BootInfo;
  } finally {
    await Sandbox.forceRemove(name).catch(() => {});
    await Image.remove(reference, { force: true }).catch(() => {});
    await rm(folder, { recursive: true, force: true });
  }
}
