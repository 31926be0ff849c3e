import { lstat } from 'node:fs/promises';
import {
  activeRun,
  deleteSandbox,
  finishRun,
  isActive,
  isRunAlive,
  latestRun,
  removeArtifacts,
  type SandboxRow,
  sandboxAlreadyExists,
  sandboxByName,
  setSandboxStatus,
} from '@microsandbox/db';
import { SandboxStillRunningError } from '@microsandbox/types';
import { type FileLock, sleep, tryFileLock } from '@microsandbox/utils';
import { acquireLifecycleLock } from './lifecycle-lock.ts';
import { reconcile } from './reconcile.ts';
import type { SandboxPlace } from './sandbox-place.ts';
import { isAnyEndpointLive } from './socket-artifacts.ts';

const KILL_WAIT_MS = 5000;
const POLL_MS = 50;

/**
 * Refuses a name that is taken: by a row or by a folder. A row whose creator died before the sandbox ever ran
 * does not count; {@link claimName} takes its place.
 *
 * @throws SandboxAlreadyExistsError
 */
export async function assertNameFree(place: SandboxPlace): Promise<void> {
  const found = await findRow(place);
  const row = found === null ? null : await reconcile(place.backend, found);
  if (row === null) {
    if (await folderExists(place)) throw sandboxAlreadyExists(place.name);
    return;
  }
  await using lock = await tryFileLock(place.paths.lifecycleLock);
  if (lock === null || !(await isStillborn(place, row))) throw sandboxAlreadyExists(place.name);
}

/**
 * Takes the name for a new sandbox: nothing of an earlier one is left when the lock is returned. With
 * `replaceGraceMs` an existing sandbox gets that long to end, then it is killed and removed.
 *
 * @throws SandboxAlreadyExistsError without `replaceGraceMs`
 * @throws SandboxStillRunningError when the old one cannot be ended
 */
export async function claimName(place: SandboxPlace, replaceGraceMs?: number): Promise<FileLock> {
  if (replaceGraceMs !== undefined) await endExisting(place, replaceGraceMs);
  const lock = await acquireLifecycleLock(place, async () => {
    // Another creator was faster; that is what the caller should hear.
    if (replaceGraceMs === undefined && (await findRow(place)) !== null)
      throw sandboxAlreadyExists(place.name);
  });
  try {
    await clearName(place, replaceGraceMs !== undefined);
    return lock;
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** Removes the earlier sandbox under the lock, or refuses. */
async function clearName(place: SandboxPlace, replacing: boolean): Promise<void> {
  const row = await findRow(place);
  if (row === null) {
    if (replacing && (await isAnyEndpointLive(place))) {
      throw stillRunning(place, 'an untracked runtime endpoint is still live');
    }
    if (!replacing && (await folderExists(place))) throw sandboxAlreadyExists(place.name);
    return removeArtifacts(place);
  }
  if (!replacing && !(await isStillborn(place, row))) throw sandboxAlreadyExists(place.name);
  const catalog = await place.backend.catalog();
  if (await isRunAlive(await catalog.read((db) => latestRun(db, row.id)))) {
    throw stillRunning(place, 'its recorded runtime process is still alive');
  }
  await removeArtifacts(place);
  await catalog.write((db) => deleteSandbox(db, row.id));
}

/** Ends the process of an existing sandbox (spec: state 13, replace). */
async function endExisting(place: SandboxPlace, graceMs: number): Promise<void> {
  const found = await findRow(place);
  const row = found === null ? null : await reconcile(place.backend, found);
  if (row === null || !(isActive(row.status) || row.status === 'Paused')) return;
  const catalog = await place.backend.catalog();
  const run = await catalog.read((db) => activeRun(db, row.id));
  const isGone = async (): Promise<boolean> => !(await isRunAlive(run));
  const pid = run?.pid ?? null;
  if (pid !== null && !(await isGone())) {
    if (graceMs > 0) {
      kill(pid, 'SIGTERM');
      await waitFor(isGone, graceMs);
    }
    if (!(await isGone())) {
      kill(pid, 'SIGKILL');
      if (!(await waitFor(isGone, KILL_WAIT_MS))) {
        throw stillRunning(place, 'runtime did not exit after SIGKILL');
      }
    }
  }
  if (run === null) return;
  await catalog.write((db) => {
    finishRun(db, run.id, { reason: 'Signal' });
    setSandboxStatus(db, row.id, 'Stopped', ['Running', 'Draining', 'Paused']);
  });
}

/**
 * Whether a row was left by a creator that died before the sandbox ever ran: nobody holds its lock, it says
 * `Running` or, noticed later, `Crashed`, and it has no run. Nobody can have put anything of worth into it.
 */
async function isStillborn(place: SandboxPlace, row: SandboxRow): Promise<boolean> {
  if (row.status !== 'Running' && row.status !== 'Crashed') return false;
  const catalog = await place.backend.catalog();
  return (await catalog.read((db) => latestRun(db, row.id))) === null;
}

async function findRow({ backend, name }: SandboxPlace): Promise<SandboxRow | null> {
  const catalog = await backend.catalog();
  return catalog.read((db) => sandboxByName(db, name));
}

async function folderExists({ paths }: SandboxPlace): Promise<boolean> {
  return (await lstat(paths.dir).catch(() => null)) !== null;
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone meanwhile; the caller looks again.
  }
}

async function waitFor(condition: () => Promise<boolean>, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (performance.now() < deadline) {
    if (await condition()) return true;
    await sleep(POLL_MS);
  }
  return condition();
}

function stillRunning({ name }: SandboxPlace, reason: string): SandboxStillRunningError {
  return new SandboxStillRunningError(
    `sandbox still running: cannot replace sandbox ${JSON.stringify(name)}: ${reason}`,
    { hint: `remove it: msb rm --force ${name}` },
  );
}
