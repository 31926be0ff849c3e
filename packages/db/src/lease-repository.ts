import { RuntimeError } from '@microsandbox/types';
import { utcTimestamp } from '@microsandbox/utils';
import type { Catalog } from './catalog.ts';

/** A lease that this process holds until it gives it back or `expiresAt` passes. */
export interface Lease {
  readonly name: string;
  readonly holderPid: number;
  /** Stored time. */
  readonly expiresAt: string;
}

/** When a lease may be taken. */
export interface LeaseTerms {
  readonly holderPid: number;
  readonly durationMs: number;
  /** Rest after the last completed holding. */
  readonly restMs?: number;
}

/** Table `maintenance_lease` (spec: state 14). A holder that dies is replaced when its time is over. */
export class LeaseRepository {
  readonly #catalog: Catalog;

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  /** Takes a lease, or null while another holds it or its rest is not over. */
  acquire(name: string, terms: LeaseTerms): Promise<Lease | null> {
    return this.#catalog.write((db) => {
      const now = Date.now();
      const nowText = utcTimestamp(now);
      const expiresAt = utcTimestamp(now + terms.durationMs);
      db.prepare('INSERT OR IGNORE INTO maintenance_lease (name, lease_expires_at) VALUES (?, ?)').run(
        name,
        nowText,
      );
      const { changes } = db
        .prepare(
          `UPDATE maintenance_lease SET holder_pid = ?, lease_expires_at = ?
           WHERE name = ? AND lease_expires_at <= ? AND (last_completed_at IS NULL OR last_completed_at <= ?)`,
        )
        .run(terms.holderPid, expiresAt, name, nowText, utcTimestamp(now - (terms.restMs ?? 0)));
      return changes === 0 ? null : { name, holderPid: terms.holderPid, expiresAt };
    });
  }

  /**
   * Gives a lease back as completed.
   *
   * @throws RuntimeError when it was lost meanwhile
   */
  async complete(lease: Lease): Promise<void> {
    const now = utcTimestamp();
    const changes = await this.#catalog.write(
      (db) =>
        db
          .prepare(
            `UPDATE maintenance_lease SET holder_pid = NULL, lease_expires_at = ?, last_completed_at = ?
             WHERE name = ? AND holder_pid = ? AND lease_expires_at = ?`,
          )
          .run(now, now, lease.name, lease.holderPid, lease.expiresAt).changes,
    );
    if (changes === 0) {
      throw new RuntimeError(`runtime error: ${lease.name} lease is no longer held by this process`);
    }
  }
}
