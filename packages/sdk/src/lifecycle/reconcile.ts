import {
  activeRun,
  isActive,
  isRunAlive,
  type SandboxRow,
  settleSandbox,
  stateWithoutProcess,
} from '@microsandbox/db';
import type { LocalBackend } from '../backend/local-backend.ts';
import { sandboxPlace } from './sandbox-place.ts';

/**
 * Brings a row in line with what the operating system says (spec: state 14).
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
  if (!writable) return run === null ? row : { ...row, status: stateWithoutProcess(row.status) };
  const { paths } = await sandboxPlace(backend, row.name);
  return settleSandbox(await backend.catalog(), paths, row);
}
