import { runMaintenance } from '@microsandbox/db';
import type { LocalBackend } from '../backend/local-backend.ts';

/** Looks after forgotten sandboxes and lets it be: what it misses, the next one finds. */
export function maintainInBackground(backend: LocalBackend): void {
  const maintain = async () => runMaintenance(await backend.catalog(), await backend.layout());
  maintain().catch(() => {});
}
