import { utcTimestamp } from '@microsandbox/utils';
import type { Catalog } from './catalog.ts';

/** Table `sandbox_rootfs`: which manifest a sandbox stands on. It keeps the image from being removed. */
export class RootfsRepository {
  readonly #catalog: Catalog;

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  /** Sets a sandbox's one pin. A manifest that is not in the catalog leaves its id empty. */
  replacePin(sandboxId: number, manifestDigest: string): Promise<void> {
    return this.#catalog.write((db) => {
      db.prepare('DELETE FROM sandbox_rootfs WHERE sandbox_id = ?').run(sandboxId);
      db.prepare(
        `INSERT INTO sandbox_rootfs (sandbox_id, manifest_id, mode, upper_fstype, created_at)
         VALUES (?, (SELECT id FROM manifest WHERE digest = ?), 'erofs', 'ext4', ?)`,
      ).run(sandboxId, manifestDigest, utcTimestamp());
    });
  }
}
