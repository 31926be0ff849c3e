import { listSandboxes, type SandboxRow } from '@microsandbox/db';
import type { LocalBackend } from '../backend/local-backend.ts';
import { reconcileRows } from './reconcile-rows.ts';

/**
 * Every sandbox that carries all labels, newest first, each brought in line with the operating system: one query, for
 * a command that has nothing else to do meanwhile. Programs take pages.
 */
export async function listAllSandboxes(
  backend: LocalBackend,
  labels: Readonly<Record<string, string>> = {},
): Promise<readonly SandboxRow[]> {
  const rows = await backend.reading((catalog) => catalog.read((db) => listSandboxes(db, { labels })));
  return reconcileRows(backend, rows);
}
