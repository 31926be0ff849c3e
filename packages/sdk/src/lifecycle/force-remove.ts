import { lstat, rm } from 'node:fs/promises';
import {
  deleteSandbox,
  isActive,
  removeSocketArtifacts,
  type SandboxRow,
  sandboxByName,
} from '@microsandbox/db';
import type { LocalBackend } from '../backend/local-backend.ts';
import { sandboxNotFound } from './find-sandbox.ts';
import { acquireLifecycleLock } from './lifecycle-lock.ts';
import { reconcile } from './reconcile.ts';
import { sandboxPlace, targetOf } from './sandbox-place.ts';
import { requestKill } from './stop-sandbox.ts';

/** What a forced removal found and took away. */
export interface SandboxRemoval {
  readonly killed: boolean;
  readonly record: boolean;
  readonly folder: boolean;
}

/**
 * Removes whatever there is of a sandbox, in any state: kills it, removes a folder that has no record and a
 * record that has no folder.
 *
 * @throws SandboxNotFoundError when there is nothing
 * @throws SandboxStillRunningError when its process cannot be ended
 */
export async function forceRemoveSandbox(backend: LocalBackend, name: string): Promise<SandboxRemoval> {
  const place = await sandboxPlace(backend, name);
  const find = (): Promise<SandboxRow | null> =>
    backend.reading((catalog) => catalog.read((db) => sandboxByName(db, name)));
  const folder = (await lstat(place.paths.dir).catch(() => null)) !== null;
  const found = await find();
  if (found === null && !folder) throw sandboxNotFound(name);

  // What hinders tidying up must not hinder removing.
  const row = found === null ? null : await reconcile(backend, found).catch(() => found);
  const killed = row !== null && isActive(row.status);
  if (killed) await requestKill(await targetOf(backend, row)).catch(() => {});

  await using _lock = await acquireLifecycleLock(place);
  await removeSocketArtifacts(place, { force: true });
  await rm(place.paths.dir, { recursive: true, force: true });
  const left = await find();
  if (left !== null) {
    const catalog = await backend.catalog();
    await catalog.write((db) => deleteSandbox(db, left.id));
  }
  return { killed, record: found !== null, folder };
}
