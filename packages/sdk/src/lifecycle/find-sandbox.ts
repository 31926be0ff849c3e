import { type SandboxRow, sandboxById, sandboxByName } from '@microsandbox/db';
import { SandboxNotFoundError } from '@microsandbox/types';
import type { LocalBackend } from '../backend/local-backend.ts';
import { reconcile } from './reconcile.ts';
import type { SandboxTarget } from './sandbox-place.ts';

/**
 * The reconciled row of a name.
 *
 * @throws SandboxNotFoundError
 */
export async function requireSandbox(backend: LocalBackend, name: string): Promise<SandboxRow> {
  const row = await findSandbox(backend, name);
  if (row === null) throw sandboxNotFound(name);
  return row;
}

/** The reconciled row of a name, or null. */
export async function findSandbox(backend: LocalBackend, name: string): Promise<SandboxRow | null> {
  const row = await backend.reading((catalog) => catalog.read((db) => sandboxByName(db, name)));
  return row === null ? null : reconcile(backend, row);
}

/** The reconciled row of one sandbox, or null when it is gone. */
export async function refreshTarget({ backend, id }: SandboxTarget): Promise<SandboxRow | null> {
  const row = await backend.reading((catalog) => catalog.read((db) => sandboxById(db, id)));
  return row === null ? null : reconcile(backend, row);
}

export function sandboxNotFound(name: string): SandboxNotFoundError {
  return new SandboxNotFoundError(`sandbox not found: ${name}`, { hint: 'msb ls shows what there is' });
}
