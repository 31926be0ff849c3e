import { activeRun, finishRun, type SandboxRow, sandboxById, setSandboxStatus } from '@microsandbox/db';
import type { SandboxState } from '@microsandbox/types';
import { parseUtcTimestamp, tryFileLock } from '@microsandbox/utils';
import type { LocalBackend } from '../backend/local-backend.ts';
import { isRunAlive } from './run-liveness.ts';
import { type SandboxPlace, sandboxPlace } from './sandbox-place.ts';
import { removeSocketArtifacts } from './socket-artifacts.ts';

const ACTIVE_STATES: readonly SandboxState[] = ['Running', 'Draining'];

/** How long a start may take from its row to its lock; only older releases have such a gap. */
const STARTING_GRACE_MS = 5000;

/** Whether a machine should be running in this state. */
export function isActive(status: SandboxState): boolean {
  return ACTIVE_STATES.includes(status);
}

/**
 * Brings a row in line with what the operating system says (spec: state 14): a sandbox whose process is gone
 * is `Crashed`, or `Stopped` when it was about to stop. Everything that changes happens under the sandbox's
 * lifecycle lock, so that a start at the same time is not mistaken for a corpse.
 *
 * @returns the row as it is now, or null when it is gone
 */
export async function reconcile(backend: LocalBackend, row: SandboxRow): Promise<SandboxRow | null> {
  if (!isActive(row.status)) return row;
  const { run, writable } = await backend.reading(async (catalog) => ({
    run: await catalog.read((db) => activeRun(db, row.id)),
    writable: catalog.followsFile,
  }));
  if (await isRunAlive(run)) return row;
  // A look at an older database says what is true and leaves writing it down to who migrates.
  if (!writable) return run === null ? row : { ...row, status: endOf(row.status) };
  const place = await sandboxPlace(backend, row.name);
  await using lock = await tryFileLock(place.paths.lifecycleLock);
  return lock === null ? row : reconcileLocked(place, row.id);
}

/** Like {@link reconcile}, for a caller that holds the lifecycle lock already. */
export async function reconcileLocked(place: SandboxPlace, id: number): Promise<SandboxRow | null> {
  const catalog = await place.backend.catalog();
  const row = await catalog.read((db) => sandboxById(db, id));
  if (row === null || !isActive(row.status)) return row;
  const run = await catalog.read((db) => activeRun(db, id));
  if (run === null && row.status === 'Running' && !isStartAbandoned(row)) return row;
  if (await isRunAlive(run)) return row;
  await removeSocketArtifacts(place);
  const reason = row.status === 'Draining' ? 'ShutdownRequested' : 'InternalError';
  return catalog.write((db) => {
    if (run !== null) finishRun(db, run.id, { reason });
    setSandboxStatus(db, id, endOf(row.status), ACTIVE_STATES);
    return sandboxById(db, id);
  });
}

/** Where an active sandbox without a process is. */
function endOf(status: SandboxState): SandboxState {
  return status === 'Draining' ? 'Stopped' : 'Crashed';
}

/**
 * Whether a row says `Running`, has no run, and has been so for longer than a start without lock can last: the
 * process that was starting it died.
 */
function isStartAbandoned(row: SandboxRow): boolean {
  const since = parseUtcTimestamp(row.updated_at);
  return since !== null && Date.now() - since.getTime() > STARTING_GRACE_MS;
}
