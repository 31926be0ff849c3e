import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoOf } from '@microsandbox/utils';
import Database from 'better-sqlite3';

/**
 * Opens a connection that only reads. Never creates the file.
 *
 * @throws SqliteError SQLITE_CANTOPEN when the file is missing
 */
export function openReader(path: string): Database.Database {
  const db = new Database(path, { readonly: true, fileMustExist: true, timeout: 0 });
  return configured(db, ['foreign_keys = ON']);
}

/**
 * Creates the database file (0600) and its folder (0700) when missing. The caller holds the migration lock.
 *
 * An existing file is not even opened: closing any descriptor of it would drop every lock that this process holds
 * on it (fcntl(2)), for the connections of other catalogs too. Another process that closes its own would then find
 * itself the last and remove the WAL that they write to (https://www.sqlite.org/howtocorrupt.html, section 2.2).
 */
export async function ensureDatabaseFile(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
    // SQLite would create the file readable for everybody; its journal files take their mode from it.
    await (await open(path, 'wx', 0o600)).close();
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
}

/** Opens the connection that writes. */
export function openWriter(path: string): Database.Database {
  const db = new Database(path, { fileMustExist: true, timeout: 0 });
  return configured(db, ['journal_mode = WAL', 'foreign_keys = ON', 'synchronous = NORMAL']);
}

function configured(db: Database.Database, pragmas: readonly string[]): Database.Database {
  try {
    for (const pragma of pragmas) db.pragma(pragma);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}
