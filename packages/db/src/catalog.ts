import { assertSchemaNotAhead, migrate } from '@microsandbox/migration';
import { CustomError, type HostConfig, MicrosandboxError } from '@microsandbox/types';
import {
  acquireFileLock,
  DEFAULT_HOST_CONFIG,
  type HomeLayout,
  pathExists,
  sleep,
} from '@microsandbox/utils';
import SqliteDatabase, { type Database } from 'better-sqlite3';
import { assertNoSelfDowngrade } from './assert-no-self-downgrade.ts';
import { ensureDatabaseFile, openReader, openWriter } from './connection.ts';
import { toDatabaseError } from './database-error.ts';
import { assertNoInstall } from './lease-queries.ts';
import { memoryCopy } from './memory-copy.ts';
import { isBusy, retryBusy } from './retry-busy.ts';
import { translateLegacySnapshots } from './snapshots/translate-legacy-snapshots.ts';
import { endAbandonedLease } from './snapshots/translation-lease.ts';

/** What {@link Catalog.open} needs to know. */
export interface CatalogOptions {
  readonly layout: Pick<HomeLayout, 'dbDir' | 'dbFile' | 'migrationLock'> &
    /** Absent: snapshots of older releases stay as they are. */
    Partial<Pick<HomeLayout, 'snapshotsDir'>>;
  readonly config?: Pick<HostConfig, 'database'>;
  /**
   * Only look: create nothing, migrate nothing. A missing or older database is shown as this release would see
   * it, from a copy in memory; such a catalog does not follow later changes.
   */
  readonly readOnly?: boolean;
}

/**
 * The database of one home, `db/msb.db`: a connection that reads and one that writes.
 *
 * Both run synchronously on the calling thread, so functions given to {@link read} and {@link write} are short
 * and never await; what has to wait (another process is writing) waits between attempts.
 */
export class Catalog implements AsyncDisposable {
  readonly #reader: Database;
  readonly #writer: Database | null;
  readonly #patienceMs: number;

  private constructor(reader: Database, writer: Database | null, patienceMs: number) {
    this.#reader = reader;
    this.#writer = writer;
    this.#patienceMs = patienceMs;
  }

  /**
   * Opens the catalog, creating and migrating it and the snapshots of older releases first (spec: state 5). Safe
   * when many processes do so at once. A snapshot that can't be translated keeps nobody from opening.
   *
   * @throws MicrosandboxError `schemaTooNew`: a newer release owns the database; it was not touched
   * @throws RuntimeError when an installation or downgrade is under way
   * @throws CustomError `connect to <path>: ...` when the file cannot be opened
   */
  static async open(options: CatalogOptions): Promise<Catalog> {
    const { layout, config = DEFAULT_HOST_CONFIG, readOnly = false } = options;
    const patienceMs = config.database.busy_timeout_secs * 1000;
    try {
      if (readOnly) return new Catalog(await openForReading(layout.dbFile, patienceMs), null, patienceMs);
      await using _lock = await acquireFileLock(layout.migrationLock, {
        timeoutMs: config.database.connect_timeout_secs * 1000,
      });
      await assertNoSelfDowngrade(layout.dbDir);
      const writer = await openMigrated(layout.dbFile, patienceMs);
      if (layout.snapshotsDir !== undefined) {
        // Without it those snapshots are not usable yet; the next opening tries again.
        await translateLegacySnapshots(writer, { snapshotsDir: layout.snapshotsDir, patienceMs }).catch(
          () => {},
        );
      }
      return new Catalog(await openBeside(layout.dbFile, writer, patienceMs), writer, patienceMs);
    } catch (error) {
      throw connectError(layout.dbFile, error);
    }
  }

  /** False when {@link write} would refuse. */
  get writable(): boolean {
    return this.#writer !== null;
  }

  /** False for a copy in memory of a missing or older database, which does not change any more. */
  get followsFile(): boolean {
    return !this.#reader.memory;
  }

  /** Runs a query; sees everything that {@link write} committed before. */
  async read<T>(query: (db: Database) => T): Promise<T> {
    try {
      return await retryBusy(() => query(this.#reader), this.#patienceMs);
    } catch (error) {
      throw toDatabaseError(error);
    }
  }

  /**
   * Runs a change as one immediate transaction: whole, or not at all when it throws. It may run several times,
   * so it changes nothing but the database.
   */
  async write<T>(change: (db: Database) => T): Promise<T> {
    const writer = this.#writer;
    if (writer === null)
      throw new MicrosandboxError('database', 'database error: the catalog was opened to read only');
    try {
      const transaction = writer.transaction(change);
      return await retryBusy(() => transaction.immediate(writer), this.#patienceMs);
    } catch (error) {
      throw toDatabaseError(error);
    }
  }

  /** Closes both connections. Repeatable. */
  async close(): Promise<void> {
    this.#reader.close();
    this.#writer?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function openMigrated(path: string, patienceMs: number): Promise<Database> {
  await ensureDatabaseFile(path);
  const writer = await retryBusy(() => openWriter(path), patienceMs);
  try {
    await retryBusy(() => endAbandonedLease(writer), patienceMs);
    await retryBusy(() => assertNoInstall(writer), patienceMs);
    if ((await retryBusy(() => assertSchemaNotAhead(writer), patienceMs)).length > 0) {
      await migratePatiently(writer, patienceMs);
    }
    return writer;
  } catch (error) {
    writer.close();
    throw error;
  }
}

/** The reading connection of a catalog that writes; without it the other one is closed again. */
async function openBeside(path: string, writer: Database, patienceMs: number): Promise<Database> {
  try {
    return await retryBusy(() => openReader(path), patienceMs);
  } catch (error) {
    writer.close();
    throw error;
  }
}

/** Every step that ran stays, so a busy database (one that an older release uses) is simply tried again. */
async function migratePatiently(db: Database, patienceMs: number): Promise<void> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    try {
      await migrate(db);
      return;
    } catch (error) {
      if (!isBusy(error) || performance.now() >= deadline) throw error;
      await sleep(50);
    }
  }
}

async function openForReading(path: string, patienceMs: number): Promise<Database> {
  let reader: Database;
  try {
    reader = await retryBusy(() => openReader(path), patienceMs);
  } catch (error) {
    if (!(await pathExists(path))) return memoryCopy();
    throw error;
  }
  try {
    const pending = await retryBusy(() => assertSchemaNotAhead(reader), patienceMs);
    if (pending.length === 0) return reader;
    const copy = await memoryCopy(reader);
    reader.close();
    return copy;
  } catch (error) {
    reader.close();
    throw error;
  }
}

/** What went wrong while opening, with the file's name unless the error says enough. */
function connectError(path: string, error: unknown): unknown {
  if (error instanceof MicrosandboxError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const hint =
    error instanceof SqliteDatabase.SqliteError && error.code === 'SQLITE_NOTADB'
      ? `move ${path} away; the sandbox folders stay, their records are lost`
      : undefined;
  return new CustomError(
    `connect to ${path}: ${reason}`,
    hint === undefined ? { cause: error } : { cause: error, hint },
  );
}
