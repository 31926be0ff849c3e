/** Child process of the torture tests: creates sandboxes that have no process of their own. */
import { RunRepository } from '@microsandbox/db';
import { withBackend } from '../src/backend/current-backend.ts';
import { LocalBackend } from '../src/backend/local-backend.ts';
import type { SandboxLauncher } from '../src/backend/sandbox-launcher.ts';
import { Sandbox } from '../src/sandbox.ts';

const [prefix = '', count = '0', disk = ''] = process.argv.slice(2);

/** Records a run, as a sandbox process does, and starts none. */
const instantLauncher: SandboxLauncher = {
  findLibkrunfw: async () => '/fake/libkrunfw.so',
  chooseVmm: async () => ({ driver: 'qemu', accelerator: 'tcg', reason: 'none' }),
  async start({ sandboxId }) {
    await new RunRepository(await backend.catalog()).insert({ sandboxId, pid: process.pid });
    return {
      pid: process.pid,
      boot: {
        vmm: { driver: 'qemu', accelerator: 'tcg', reason: 'none' },
        boot: { kind: 'warm' },
        phasesMs: {},
      },
      detach: () => {},
      wait: async () => ({ code: 0, signal: null }),
    };
  },
};
const backend = new LocalBackend({ launcher: instantLauncher });

await withBackend(backend, async () => {
  for (let index = 0; index < Number(count); index += 1) {
    await Sandbox.builder(`${prefix}-${index}`).image(disk).detached(true).create();
  }
});
