import type { SandboxState } from '@microsandbox/types';
import type { Catalog } from './catalog.ts';
import type { RunRow } from './rows.ts';
import { activeRun, finishRun, insertRun, latestRun, type RunEnd } from './run-queries.ts';
import { setSandboxStatus } from './sandbox-queries.ts';

/** Table `run`, each method one transaction. */
export class RunRepository {
  readonly #catalog: Catalog;

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  /** Adds a run in state `Running`, started now. Resolves to its id. */
  insert(run: { readonly sandboxId: number; readonly pid: number }): Promise<number> {
    return this.#catalog.write((db) => insertRun(db, run));
  }

  /**
   * Closes a run; with `sandbox`, moves that sandbox from an active state to the given one in the same
   * transaction. Resolves to false when the run was closed already.
   */
  finish(
    id: number,
    end: RunEnd & { readonly sandbox?: { readonly id: number; readonly status: SandboxState } },
  ): Promise<boolean> {
    return this.#catalog.write((db) => {
      const finished = finishRun(db, id, end);
      if (end.sandbox) setSandboxStatus(db, end.sandbox.id, end.sandbox.status, ['Running', 'Draining']);
      return finished;
    });
  }

  /** The run that counts as running, or null. */
  activeRun(sandboxId: number): Promise<RunRow | null> {
    return this.#catalog.read((db) => activeRun(db, sandboxId));
  }

  /** The run with the highest id, whatever its state, or null. */
  latestRun(sandboxId: number): Promise<RunRow | null> {
    return this.#catalog.read((db) => latestRun(db, sandboxId));
  }
}
