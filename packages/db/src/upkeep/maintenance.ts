import { type HomeLayout, sandboxPaths } from '@microsandbox/utils';
import type { Catalog } from '../catalog.ts';
import { LEASES } from '../lease-queries.ts';
import { LeaseRepository } from '../lease-repository.ts';
import type { SandboxRow } from '../rows.ts';
import { cleanupEphemeral } from './ephemeral-cleanup.ts';
import { settleSandbox } from './settle-sandbox.ts';

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
export async function runMaintenance(catalog: Catalog, layout: HomeLayout): Promise<boolean> {
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
    await settleSandbox(catalog, sandboxPaths(layout, row.name), row).catch(() => {});
  }
  for (const row of await rows(`ephemeral = 1 AND status IN ('Stopped', 'Crashed')`)) {
    if (performance.now() >= deadline) break;
    await cleanupEphemeral(catalog, layout, row.id);
  }
  await leases.complete(lease);
  return true;
}
