import { type HomeLayout, sandboxPaths, tryFileLock } from '@microsandbox/utils';
import type { Catalog } from '../catalog.ts';
import { activeRun } from '../run-queries.ts';
import { deleteFinishedEphemeral, sandboxById } from '../sandbox-queries.ts';
import { isRunAlive } from './run-liveness.ts';
import { removeArtifacts } from './sandbox-artifacts.ts';

/** What became of a sandbox that should have removed itself. */
export type EphemeralCleanup =
  | 'removed'
  | 'already-gone'
  | 'persistent'
  | 'active'
  | 'live-pid'
  | 'artifacts-remain';

/**
 * Removes a finished self-removing sandbox whose process could not (spec: state 14). Its row goes last, so that
 * a failure is tried again.
 */
export async function cleanupEphemeral(
  catalog: Catalog,
  layout: HomeLayout,
  id: number,
): Promise<EphemeralCleanup> {
  const row = await catalog.read((db) => sandboxById(db, id));
  if (row === null) return 'already-gone';
  if (row.ephemeral === 0) return 'persistent';
  const paths = sandboxPaths(layout, row.name);
  await using lock = await tryFileLock(paths.lifecycleLock);
  if (lock === null) return 'live-pid';
  const current = await catalog.read((db) => sandboxById(db, id));
  if (current === null) return 'already-gone';
  if (current.status !== 'Stopped' && current.status !== 'Crashed') return 'active';
  if (await isRunAlive(await catalog.read((db) => activeRun(db, id)))) return 'live-pid';
  try {
    await removeArtifacts({ paths });
  } catch {
    return 'artifacts-remain';
  }
  return (await catalog.write((db) => deleteFinishedEphemeral(db, id))) ? 'removed' : 'already-gone';
}
