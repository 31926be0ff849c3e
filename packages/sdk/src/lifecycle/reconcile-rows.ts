import { isActive, type SandboxRow } from '@microsandbox/db';
import type { LocalBackend } from '../backend/local-backend.ts';
import { reconcile } from './reconcile.ts';

/**
 * Brings rows in line with the operating system, all at once. Only those that claim to run are looked after; one that
 * cannot be must not hide the others.
 */
export async function reconcileRows(
  backend: LocalBackend,
  rows: readonly SandboxRow[],
): Promise<readonly SandboxRow[]> {
  if (!rows.some(({ status }) => isActive(status))) return rows;
  const settled = await Promise.all(
    rows.map((row) => (isActive(row.status) ? reconcile(backend, row).catch(() => row) : row)),
  );
  return settled.filter((row) => row !== null);
}
