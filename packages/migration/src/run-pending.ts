import type { Database } from 'better-sqlite3';
import { MigrationError, Umzug } from 'umzug';
import type { Migration } from './migration.ts';
import { MIGRATION_STEPS } from './migration-steps.ts';
import { bookMigration, createBookkeeping, seaqlStorage } from './seaql-storage.ts';

/** Runs what is pending. Apart from {@link migrate}, so that umzug is loaded only when there is work. */
export async function runPending(db: Database): Promise<string[]> {
  createBookkeeping(db);
  const umzug = new Umzug({
    migrations: MIGRATION_STEPS.map((step) => ({
      name: step.name,
      up: async () => runStep(db, step),
    })),
    context: db,
    storage: seaqlStorage(db),
    logger: undefined,
  });
  try {
    return (await umzug.up()).map(({ name }) => name);
  } catch (error) {
    if (error instanceof MigrationError && error.cause instanceof Error) throw error.cause;
    throw error;
  }
}

function runStep(db: Database, step: Migration): void {
  db.transaction(() => {
    step.up(db);
    bookMigration(db, step.name);
  }).immediate();
}
