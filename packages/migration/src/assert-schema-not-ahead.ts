import { MicrosandboxError } from '@microsandbox/types';
import type { Database } from 'better-sqlite3';
import { appliedMigrations } from './applied-migrations.ts';
import { MIGRATIONS } from './migrations.ts';

/**
 * Refuses a database that a newer release changed: what is applied must be exactly the first steps of
 * {@link MIGRATIONS} (spec: state 5). Only reads.
 *
 * @returns the names still to run, in order
 * @throws MicrosandboxError `schemaTooNew`
 */
export function assertSchemaNotAhead(db: Database): string[] {
  const applied = appliedMigrations(db);
  const prefix = new Set(MIGRATIONS.slice(0, applied.length));
  const foreign = applied.filter((name) => !prefix.has(name)).sort();
  const [first] = foreign;
  if (first === undefined) return MIGRATIONS.slice(applied.length);
  throw new MicrosandboxError(
    'schemaTooNew',
    'runtime error: database schema is newer than this msb binary; applied migration ' +
      `${JSON.stringify(first)} is not in this binary's migration prefix`,
    {
      hint:
        `the database has ${applied.length} migrations up to ${foreign.at(-1)}, this release knows ` +
        `${MIGRATIONS.length} up to ${MIGRATIONS.at(-1)}: update microsandbox, or set MSB_HOME to another folder`,
    },
  );
}
