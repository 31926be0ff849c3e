import { activeRun, deleteFinishedEphemeral, sandboxById } from '@microsandbox/db';
import { tryFileLock } from '@microsandbox/utils';
import type { LocalBackend } from '../backend/local-backend.ts';
import { removeArtifacts } from './remove-sandbox.ts';
import { isRunAlive } from './run-liveness.ts';
import { sandboxPlace } from './sandbox-place.ts';

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
export async function cleanupEphemeral(backend: LocalBackend, id: number): Promise<EphemeralCleanup> {
  const catalog = await backend.catalog();
  const row = await catalog.read((db) => sandboxById(db, id));
  if (row === null) return 'already-gone';
  if (row.ephemeral === 0) return 'persistent';
  const place = await sandboxPlace(backend, row.name);
  await using lock = await tryFileLock(place.paths.lifecycleLock);
  if (lock === null) return 'live-pid';
  const current = await catalog.read((db) => sandboxById(db, id));
  if (current === null) return 'already-gone';
  if (current.status !== 'Stopped' && current.status !== 'Crashed') return 'active';
  if (await isRunAlive(await catalog.read((db) => activeRun(db, id)))) return 'live-pid';
  try {
    await removeArtifacts(place);
  } catch {
    return 'artifacts-remain';
  }
  return (await catalog.write((db) => deleteFinishedEphemeral(db, id))) ? 'removed' : 'already-gone';
}
