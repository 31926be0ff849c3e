import { migrate } from '@microsandbox/migration';
import Database from 'better-sqlite3';

/** Places in a database's header that say how it is written and read: 1 is a rollback journal, 2 a WAL. */
const WRITE_VERSION_OFFSET = 18;
const READ_VERSION_OFFSET = 19;

/**
 * A database in memory with this release's schema: empty, or with what an older database holds. Lets commands
 * that only read look at a home that is missing or not migrated, without touching it.
 */
export async function memoryCopy(source?: Database.Database): Promise<Database.Database> {
  const db = source === undefined ? new Database(':memory:') : new Database(withoutWal(source.serialize()));
  await migrate(db);
  return db;
}

/** A database in memory cannot have a WAL, and the content needs none: it was read through the source's. */
function withoutWal(image: Buffer): Buffer {
  image[WRITE_VERSION_OFFSET] = 1;
  image[READ_VERSION_OFFSET] = 1;
  return image;
}
