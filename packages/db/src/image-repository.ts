import { type CachedImage, ImageInUseError, ImageNotFoundError } from '@microsandbox/types';
import type { Database } from 'better-sqlite3';
import type { Catalog } from './catalog.ts';
import { type ImagePlatform, persistImage } from './persist-image.ts';
import type { ImageConfigRow, ImageLayerRow, ImageRow, ImageUsageRow } from './rows.ts';

/** Everything the catalog knows about an image. */
export interface ImageDetailRows {
  readonly image: ImageRow;
  readonly config: ImageConfigRow | null;
  readonly layers: readonly ImageLayerRow[];
}

/** What nobody uses any more after a removal; the caller deletes its files. */
export interface RemovedImages {
  readonly references: readonly string[];
  readonly manifestDigests: readonly string[];
  readonly layerDiffIds: readonly string[];
}

const SELECT_IMAGE = `
  SELECT r.reference, r.manifest_id, m.digest, m.config_digest, m.architecture, m.os, m.layer_count,
         m.total_size_bytes, r.created_at, r.updated_at
  FROM image_ref r JOIN manifest m ON m.id = r.manifest_id`;

/** Manifests that sandboxes stand on or snapshots are of. */
const NEEDED = `
  SELECT manifest_id FROM sandbox_rootfs WHERE manifest_id IS NOT NULL
  UNION SELECT m.id FROM manifest m JOIN snapshot_index s ON s.image_manifest_digest = m.digest`;

/**
 * Tables `image_ref`, `manifest`, `config`, `layer` and `manifest_layer` (spec: image 17, 18). References are
 * kept as they were typed; two spellings of one image are two references.
 */
export class ImageRepository {
  readonly #catalog: Catalog;

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  /** Records a pulled image under a reference, or that it was used again. */
  persist(reference: string, image: CachedImage, platform: ImagePlatform): Promise<void> {
    return this.#catalog.write((db) => persistImage(db, reference, image, platform));
  }

  /** Newest first. */
  list(): Promise<ImageRow[]> {
    return this.#catalog.read((db) =>
      db.prepare<[], ImageRow>(`${SELECT_IMAGE} ORDER BY r.created_at DESC, r.id DESC`).all(),
    );
  }

  byReference(reference: string): Promise<ImageRow | null> {
    return this.#catalog.read((db) => findImage(db, reference));
  }

  /** @throws ImageNotFoundError */
  detail(reference: string): Promise<ImageDetailRows> {
    return this.#catalog.read((db) => {
      const image = requireImage(db, reference);
      const config = db
        .prepare<[number], ImageConfigRow>('SELECT * FROM config WHERE manifest_id = ?')
        .get(image.manifest_id);
      const layers = db
        .prepare<[number], ImageLayerRow>(
          `SELECT l.diff_id, l.blob_digest, l.media_type, l.compressed_size_bytes, l.erofs_size_bytes, ml.position
           FROM manifest_layer ml JOIN layer l ON l.id = ml.layer_id
           WHERE ml.manifest_id = ? ORDER BY ml.position`,
        )
        .all(image.manifest_id);
      return { image, config: config ?? null, layers };
    });
  }

  /** Ids of the sandboxes that stand on a reference's manifest. */
  usedBy(reference: string): Promise<number[]> {
    return this.#catalog.read((db) => {
      const image = findImage(db, reference);
      return image === null ? [] : sandboxesOn(db, image.manifest_id);
    });
  }

  /**
   * Forgets a reference, and its manifest and layers when nothing else needs them.
   *
   * @throws ImageNotFoundError
   * @throws ImageInUseError when sandboxes stand on it; with `force`, only when it is the last reference
   */
  remove(reference: string, options: { readonly force?: boolean } = {}): Promise<RemovedImages> {
    return this.#catalog.write((db) => {
      const image = requireImage(db, reference);
      const users = sandboxesOn(db, image.manifest_id);
      const isLast =
        db.prepare('SELECT COUNT(*) FROM image_ref WHERE manifest_id = ?').pluck().get(image.manifest_id) ===
        1;
      if (users.length > 0 && (options.force !== true || isLast)) {
        throw new ImageInUseError(`image in use by sandbox(es): ${users.join(', ')}`, {
          hint: 'remove those sandboxes first',
        });
      }
      db.prepare('DELETE FROM image_ref WHERE reference = ?').run(reference);
      return { references: [reference], ...deleteUnreferenced(db, [image.manifest_id]) };
    });
  }

  /** Every reference with what it stands on and how many sandboxes do; the one used longest ago first. */
  usages(): Promise<ImageUsageRow[]> {
    return this.#catalog.read((db) => {
      const layers = db
        .prepare<[number], string>(
          `SELECT l.diff_id FROM manifest_layer ml JOIN layer l ON l.id = ml.layer_id
           WHERE ml.manifest_id = ? ORDER BY ml.position`,
        )
        .pluck();
      return db
        .prepare<[], Omit<ImageUsageRow, 'diff_ids'> & { readonly manifest_id: number }>(
          `SELECT r.reference, r.manifest_id, m.digest, r.updated_at,
                  (SELECT COUNT(*) FROM sandbox_rootfs s WHERE s.manifest_id = m.id) AS sandboxes,
                  EXISTS (SELECT 1 FROM snapshot_index s WHERE s.image_manifest_digest = m.digest) AS snapshotted
           FROM image_ref r JOIN manifest m ON m.id = r.manifest_id ORDER BY r.updated_at, r.id`,
        )
        .all()
        .map((row) => ({ ...row, diff_ids: layers.all(row.manifest_id) }));
    });
  }

  /** Digests of all manifests and layers that the catalog knows, whoever needs them. */
  known(): Promise<{ readonly manifestDigests: ReadonlySet<string>; readonly diffIds: ReadonlySet<string> }> {
    return this.#catalog.read((db) => ({
      manifestDigests: new Set(db.prepare<[], string>('SELECT digest FROM manifest').pluck().all()),
      diffIds: new Set(db.prepare<[], string>('SELECT diff_id FROM layer').pluck().all()),
    }));
  }

  /**
   * Forgets a reference that nobody has used since `usedBefore`, a stored time, and that no sandbox and no snapshot
   * needs; null when that is no longer so.
   */
  removeUnused(reference: string, usedBefore: string): Promise<RemovedImages | null> {
    return this.#catalog.write((db) => {
      const unused = db
        .prepare<[string, string], number>(
          `DELETE FROM image_ref WHERE reference = ? AND updated_at < ? AND manifest_id NOT IN (${NEEDED})
           RETURNING manifest_id`,
        )
        .pluck()
        .get(reference, usedBefore);
      return unused === undefined ? null : { references: [reference], ...deleteUnreferenced(db, [unused]) };
    });
  }

  /** Forgets every image that no sandbox and no snapshot needs. */
  prune(): Promise<RemovedImages> {
    return this.#catalog.write((db) => {
      const references = db
        .prepare<[], string>(`DELETE FROM image_ref WHERE manifest_id NOT IN (${NEEDED}) RETURNING reference`)
        .pluck()
        .all();
      const manifests = db
        .prepare<[], number>(`SELECT id FROM manifest WHERE id NOT IN (${NEEDED})`)
        .pluck()
        .all();
      return { references, ...deleteUnreferenced(db, manifests) };
    });
  }
}

function findImage(db: Database, reference: string): ImageRow | null {
  return db.prepare<[string], ImageRow>(`${SELECT_IMAGE} WHERE r.reference = ?`).get(reference) ?? null;
}

/** The error for a name that no image has. */
export function imageNotFound(reference: string): ImageNotFoundError {
  return new ImageNotFoundError(`image not found: ${reference}`, {
    hint: 'images go by the name that was typed or loaded: see msb image ls',
  });
}

function requireImage(db: Database, reference: string): ImageRow {
  const image = findImage(db, reference);
  if (image === null) throw imageNotFound(reference);
  return image;
}

function sandboxesOn(db: Database, manifestId: number): number[] {
  return db
    .prepare<[number], number>(
      'SELECT sandbox_id FROM sandbox_rootfs WHERE manifest_id = ? ORDER BY sandbox_id',
    )
    .pluck()
    .all(manifestId);
}

/** Deletes those of the manifests that no reference names, then the layers that no manifest names. */
function deleteUnreferenced(db: Database, manifestIds: readonly number[]): Omit<RemovedImages, 'references'> {
  const remove = db
    .prepare<[number], string>(
      `DELETE FROM manifest WHERE id = ? AND id NOT IN (SELECT manifest_id FROM image_ref) RETURNING digest`,
    )
    .pluck();
  const manifestDigests = manifestIds.flatMap((id) => remove.all(id));
  const layerDiffIds = db
    .prepare<[], string>(
      'DELETE FROM layer WHERE id NOT IN (SELECT layer_id FROM manifest_layer) RETURNING diff_id',
    )
    .pluck()
    .all();
  return { manifestDigests, layerDiffIds };
}
