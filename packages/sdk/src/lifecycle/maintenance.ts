import { LEASES, LeaseRepository, type SandboxRow } from '@microsandbox/db';
import type { LocalBackend } from '../backend/local-backend.ts';
import { cleanupEphemeral } from './ephemeral-cleanup.ts';
import { reconcile } from './reconcile.ts';

/** How long one process may be at it before another may take over. */
const LEASE_MS = 10_000;
/** Pause between two sweeps, whoever makes them. */
const REST_MS = 30_000;
const MAX_ROWS = 250;
const BUDGET_MS = 250;

/**
 * Looks after sandboxes that nobody asks about (spec: state 14): those whose process died, and finished
 * self-removing ones that are still there. One process at a time, at most every 30 s, within 250 ms.
 *
 * @returns false when somebody else has just done it
 */
export async function runMaintenance(backend: LocalBackend): Promise<boolean> {
  const catalog = await backend.catalog();
  const leases = new LeaseRepository(catalog);
  const lease = await leases.acquire(LEASES.maintenance, {
    holderPid: process.pid,
    durationMs: LEASE_MS,
    restMs: REST_MS,
  });
  if (lease === null) return false;
  const deadline = performance.now() + BUDGET_MS;
  const rows = (condition: string): Promise<SandboxRow[]> =>
    catalog.read((db) =>
      db
        .prepare<[], SandboxRow>(`SELECT * FROM sandbox WHERE ${condition} ORDER BY id LIMIT ${MAX_ROWS}`)
        .all(),
    );
  for (const row of await rows(`status IN ('Running', 'Draining')`)) {
    if (performance.now() >= deadline) break;
    await reconcile(backend, row).catch(() => {});
  }
  for (const row of await rows(`ephemeral = 1 AND status IN ('Stopped', 'Crashed')`)) {
    if (performance.now() >= deadline) break;
    await cleanupEphemeral(backend, row.id);
  }
  await leases.complete(lease);
  return true;
}

/** Starts {@link runMaintenance} and lets it be: what it misses, the next one finds. */
export function maintainInBackground(backend: LocalBackend): void {
  runMaintenance(backend).catch(() => {});
}
