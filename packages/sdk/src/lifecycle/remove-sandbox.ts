import {
  deleteSandbox,
  isRunAlive,
  latestRun,
  removeArtifacts,
  type SandboxRow,
  sandboxByName,
} from '@microsandbox/db';
import { RuntimeError, SandboxStillRunningError } from '@microsandbox/types';
import { refreshTarget, sandboxNotFound } from './find-sandbox.ts';
import { acquireLifecycleLock } from './lifecycle-lock.ts';
import type { SandboxTarget } from './sandbox-place.ts';

/**
 * Removes a stopped sandbox: sockets, folder, then row, so that a removal that is cut short can be repeated
 * (spec: state 13).
 *
 * @throws SandboxStillRunningError
 * @throws SandboxNotFoundError
 */
export async function removeSandbox(target: SandboxTarget): Promise<void> {
  const row = await refreshTarget(target);
  if (row === null) throw sandboxNotFound(target.name);
  if (row.status !== 'Stopped' && row.status !== 'Crashed' && row.status !== 'Created') {
    throw stillRunning(`cannot remove sandbox '${target.name}': still running`, target.name);
  }
  await using _lock = await acquireLifecycleLock(target);
  await assertUnchanged(target);
  await removeArtifacts(target);
  const catalog = await target.backend.catalog();
  await catalog.write((db) => deleteSandbox(db, target.id));
}

/** Under the lock: still the same sandbox, still stopped, and no process of it left. */
async function assertUnchanged(target: SandboxTarget): Promise<void> {
  const { name, id, backend } = target;
  const catalog = await backend.catalog();
  const row: SandboxRow | null = await catalog.read((db) => sandboxByName(db, name));
  if (row === null) throw sandboxNotFound(name);
  if (row.id !== id) {
    throw new RuntimeError(
      `runtime error: sandbox ${JSON.stringify(name)} identity changed from database id ${id} to ${row.id}; ` +
        'refusing stale removal',
    );
  }
  if (row.status === 'Running' || row.status === 'Draining' || row.status === 'Paused') {
    throw stillRunning(
      `cannot remove sandbox ${JSON.stringify(name)}: status changed to ${row.status}`,
      name,
    );
  }
  if (await isRunAlive(await catalog.read((db) => latestRun(db, id)))) {
    throw stillRunning(
      `cannot remove sandbox ${JSON.stringify(name)}: its recorded runtime process is still alive`,
      name,
    );
  }
}

function stillRunning(reason: string, name: string): SandboxStillRunningError {
  return new SandboxStillRunningError(`sandbox still running: ${reason}`, {
    hint: `stop it first (msb stop ${name}), or remove it at once (msb rm --force ${name})`,
  });
}
