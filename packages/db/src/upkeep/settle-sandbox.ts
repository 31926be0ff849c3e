import type { SandboxState } from '@microsandbox/types';
import { parseUtcTimestamp, type SandboxPaths, tryFileLock } from '@microsandbox/utils';
import type { Catalog } from '../catalog.ts';
import type { SandboxRow } from '../rows.ts';
import { activeRun, finishRun } from '../run-queries.ts';
import { sandboxById, setSandboxStatus } from '../sandbox-queries.ts';
import { isRunAlive } from './run-liveness.ts';
import { removeSocketArtifacts } from './sandbox-artifacts.ts';

const ACTIVE_STATES: readonly SandboxState[] = ['Running', 'Draining'];

/** How long a start may take from its row to its lock; only older releases have such a gap. */
const STARTING_GRACE_MS = 5000;

/** Whether a machine should be running in this state. */
export function isActive(status: SandboxState): boolean {
  return ACTIVE_STATES.includes(status);
}

/** Where an active sandbox without a process is. */
export function stateWithoutProcess(status: SandboxState): SandboxState {
  return status === 'Draining' ? 'Stopped' : 'Crashed';
}

/**
 * Brings a row in line with what the operating system says (spec: state 14): a sandbox whose process is gone is
 * `Crashed`, or `Stopped` when it was about to stop. All of it under the sandbox's lifecycle lock, so that a start
 * at the same time is not mistaken for a corpse; while somebody else holds that, nothing happens.
 *
 * @returns the row as it is now, or null when it is gone
 */
export async function settleSandbox(
  catalog: Catalog,
  paths: SandboxPaths,
  row: SandboxRow,
): Promise<SandboxRow | null> {
  if (!isActive(row.status) || (await isRunAlive(await catalog.read((db) => activeRun(db, row.id)))))
    return row;
  await using lock = await tryFileLock(paths.lifecycleLock);
  return lock === null ? row : await settleLocked(catalog, paths, row.id);
}

async function settleLocked(catalog: Catalog, paths: SandboxPaths, id: number): Promise<SandboxRow | null> {
  const row = await catalog.read((db) => sandboxById(db, id));
  if (row === null || !isActive(row.status)) return row;
  const run = await catalog.read((db) => activeRun(db, id));
  if (run === null && row.status === 'Running' && !isStartAbandoned(row)) return row;
  if (await isRunAlive(run)) return row;
  await removeSocketArtifacts({ paths });
  const reason = row.status === 'Draining' ? 'ShutdownRequested' : 'InternalError';
  return catalog.write((db) => {
    if (run !== null) finishRun(db, run.id, { reason });
    setSandboxStatus(db, id, stateWithoutProcess(row.status), ACTIVE_STATES);
    return sandboxById(db, id);
  });
}

/**
 * Whether a row says `Running`, has no run, and has been so for longer than a start without lock can last: the
 * process that was starting it died.
 */
function isStartAbandoned(row: SandboxRow): boolean {
  const since = parseUtcTimestamp(row.updated_at);
  return since !== null && Date.now() - since.getTime() > STARTING_GRACE_MS;
}
