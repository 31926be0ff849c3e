import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HomeLayout } from '@microsandbox/utils';
import { LocalBackend } from '../src/backend/local-backend.ts';
import type { SandboxLauncher } from '../src/backend/sandbox-launcher.ts';
import { forceRemoveSandbox } from '../src/lifecycle/force-remove.ts';
import { listSandboxes } from '../src/lifecycle/list-sandboxes.ts';
import { registryFile } from '../src/metrics/registry-name.ts';
import { fakeLauncher } from './fake-launcher.ts';

/** A home of its own with a backend on it. */
export interface TestHome extends AsyncDisposable {
  readonly path: string;
  readonly backend: LocalBackend;
  readonly layout: HomeLayout;
  /** A disk image to stand on, so that a sandbox needs no OCI image. */
  readonly disk: string;
  /** A second backend, as another process would have it. */
  otherBackend(launcher?: SandboxLauncher): LocalBackend;
}

/** Makes an empty home; disposing it ends and removes every sandbox in it. */
export async function testHome(launcher: SandboxLauncher = fakeLauncher()): Promise<TestHome> {
  const path = await mkdtemp(join(tmpdir(), 'msb-'));
  const env = { ...process.env, MSB_HOME: path };
  const backend = new LocalBackend({ env, launcher });
  const disk = join(path, 'root.raw');
  await writeFile(disk, 'a disk');
  return {
    path,
    backend,
    layout: await backend.layout(),
    disk,
    otherBackend: (other = launcher) => new LocalBackend({ env, launcher: other }),
    async [Symbol.asyncDispose]() {
      const { rows } = await listSandboxes(backend, { limit: 100 });
      for (const row of rows) await forceRemoveSandbox(backend, row.name);
      await backend.close();
      await rm(path, { recursive: true, force: true });
      const registry = registryFile(path);
      if (registry !== null) await rm(registry, { force: true });
    },
  };
}
