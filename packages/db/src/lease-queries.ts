import { RuntimeError } from '@microsandbox/types';
import { utcTimestamp } from '@microsandbox/utils';
import type { Database } from 'better-sqlite3';

/** Names in `maintenance_lease`. */
export const LEASES = {
  /** Sweep over dead sandboxes. */
  maintenance: 'sandbox_lifecycle_maintenance',
  /** Work on the installation itself; nobody opens the catalog meanwhile. */
  install: 'install_exclusive',
} as const;

/**
 * Refuses to go on while an installation is at work (spec: state 5). A database without the table is fine.
 *
 * @throws RuntimeError
 */
export function assertNoInstall(db: Database): void {
  const exists = db.prepare(`SELECT 1 FROM sqlite_master WHERE name = 'maintenance_lease'`).get();
  if (exists === undefined) return;
  const until = db
    .prepare<[string, string], string>(
      'SELECT lease_expires_at FROM maintenance_lease WHERE name = ? AND lease_expires_at > ?',
    )
    .pluck()
    .get(LEASES.install, utcTimestamp());
  if (until === undefined) return;
  throw new RuntimeError(
    `runtime error: microsandbox install operation in progress until ${until}; retry after it completes`,
  );
}
