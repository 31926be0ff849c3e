import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Catalog } from '@microsandbox/db';
import { RuntimeError, type SandboxState, type TerminationReason } from '@microsandbox/types';
import { DEFAULT_HOST_CONFIG, type HomeLayout } from '@microsandbox/utils';

/** What is written into the catalog when a run is over. */
export interface RunEnding {
  readonly reason: TerminationReason;
  readonly exitCode: number | null;
  readonly status: Extract<SandboxState, 'Stopped' | 'Crashed'>;
}

/**
 * The catalog's account of this run. The catalog is opened for each entry and closed again: a sandbox may live for
 * weeks, and nothing of it should hold the database meanwhile.
 */
export class RunRecord {
  readonly #dbFile: string;
  readonly #connectTimeoutSecs: number;
  readonly #sandboxId: number;
  #runId: Promise<number> | null = null;

  constructor(options: {
    readonly dbFile: string;
    readonly connectTimeoutSecs: number;
    readonly sandboxId: number;
  }) {
    this.#dbFile = options.dbFile;
    this.#connectTimeoutSecs = options.connectTimeoutSecs;
    this.#sandboxId = options.sandboxId;
  }

  /**
   * Enters this process as the sandbox's active run. Resolves to the run's id.
   *
   * @throws RuntimeError `database: ...`
   */
  async begin(): Promise<number> {
    this.#runId = this.#withCatalog(async (catalog, { RunRepository }) =>
      new RunRepository(catalog).insert({ sandboxId: this.#sandboxId, pid: process.pid }),
    );
    return await this.#runId.catch((cause: Error) => {
      throw new RuntimeError(`database: ${cause.message}`, { cause });
    });
  }

  /** Closes the run and moves the sandbox out of its active state. */
  async end(ending: RunEnding): Promise<void> {
    const runId = await this.#runId?.catch(() => null);
    if (runId === null || runId === undefined) return;
    await this.#withCatalog((catalog, { RunRepository }) =>
      new RunRepository(catalog).finish(runId, {
        reason: ending.reason,
        exitCode: ending.exitCode,
        sandbox: { id: this.#sandboxId, status: ending.status },
      }),
    );
  }

  /** Closes the run only; whoever started the sandbox decides about its state. */
  async abandon(): Promise<void> {
    const runId = await this.#runId?.catch(() => null);
    if (runId === null || runId === undefined) return;
    await this.#withCatalog((catalog, { RunRepository }) =>
      new RunRepository(catalog).finish(runId, { reason: 'InternalError', exitCode: 1 }),
    );
  }

  /** Removes an ephemeral sandbox that has ended: its folder first, then its row. */
  async removeIfEphemeral(sandboxDir: string): Promise<void> {
    await this.#withCatalog(async (catalog, { SandboxRepository, deleteFinishedEphemeral }) => {
      const row = await new SandboxRepository(catalog).byId(this.#sandboxId);
      if (row?.ephemeral !== 1) return;
      await rm(sandboxDir, { recursive: true, force: true });
      await catalog.write((db) => deleteFinishedEphemeral(db, this.#sandboxId));
    });
  }

  /** Looks after sandboxes that nobody asks about, unless another process just did (spec: state 14). */
  async maintain(layout: HomeLayout): Promise<void> {
    await this.#withCatalog((catalog, { runMaintenance }) => runMaintenance(catalog, layout));
  }

  async #withCatalog<T>(
    use: (catalog: Catalog, db: typeof import('@microsandbox/db')) => Promise<T>,
  ): Promise<T> {
    // Loaded late, so that the machine starts before SQLite does.
    const db = await import('@microsandbox/db');
    const dbDir = dirname(this.#dbFile);
    await using catalog = await db.Catalog.open({
      layout: { dbDir, dbFile: this.#dbFile, migrationLock: join(dbDir, 'msb.db.migration.lock') },
      config: {
        database: {
          ...DEFAULT_HOST_CONFIG.database,
          connect_timeout_secs: this.#connectTimeoutSecs,
        },
      },
    });
    return await use(catalog, db);
  }
}
