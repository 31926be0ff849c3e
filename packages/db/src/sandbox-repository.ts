import type { SandboxConfigRecord, SandboxState } from '@microsandbox/types';
import type { Catalog } from './catalog.ts';
import type { SandboxRow } from './rows.ts';
import {
  deleteSandbox,
  insertSandbox,
  listSandboxes,
  type SandboxFilter,
  sandboxById,
  sandboxByName,
  setActiveConfig,
  setSandboxStatus,
  updateSandboxConfig,
} from './sandbox-queries.ts';

/** Table `sandbox`, each method one transaction. Compose the functions of `sandbox-queries.ts` for more. */
export class SandboxRepository {
  readonly #catalog: Catalog;

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  /**
   * Adds a sandbox in state `Running`, with its labels.
   *
   * @throws SandboxAlreadyExistsError
   */
  insert(config: SandboxConfigRecord): Promise<SandboxRow> {
    return this.#catalog.write((db) => insertSandbox(db, config));
  }

  byId(id: number): Promise<SandboxRow | null> {
    return this.#catalog.read((db) => sandboxById(db, id));
  }

  byName(name: string): Promise<SandboxRow | null> {
    return this.#catalog.read((db) => sandboxByName(db, name));
  }

  /** Newest first. */
  list(filter: SandboxFilter): Promise<SandboxRow[]> {
    return this.#catalog.read((db) => listSandboxes(db, filter));
  }

  /** Changes the state; with `from`, only when it is one of those. Resolves to whether a row changed. */
  setStatus(id: number, status: SandboxState, from?: readonly SandboxState[]): Promise<boolean> {
    return this.#catalog.write((db) => setSandboxStatus(db, id, status, from));
  }

  /** Records the configuration that the machine was started with. */
  setActiveConfig(id: number, config: SandboxConfigRecord): Promise<void> {
    return this.#catalog.write((db) => setActiveConfig(db, id, config));
  }

  /** Replaces the desired configuration and what is derived from it. */
  updateConfig(id: number, config: SandboxConfigRecord): Promise<void> {
    return this.#catalog.write((db) => updateSandboxConfig(db, id, config));
  }

  /** Deletes the row with everything that hangs on it; false when it was gone. */
  remove(id: number): Promise<boolean> {
    return this.#catalog.write((db) => deleteSandbox(db, id));
  }
}
