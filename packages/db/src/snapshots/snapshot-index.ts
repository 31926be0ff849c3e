import { basename } from 'node:path';
import { utcTimestamp } from '@microsandbox/utils';
import type { Database } from 'better-sqlite3';
import type { PlannedTranslation } from './plan-translations.ts';

/** A snapshot that the catalog lists. */
export interface IndexedSnapshot {
  readonly digest: string;
  readonly artifact_path: string;
}

/** Every row of `snapshot_index`. */
export function indexedSnapshots(db: Database): IndexedSnapshot[] {
  return db.prepare<[], IndexedSnapshot>('SELECT digest, artifact_path FROM snapshot_index').all();
}

/**
 * Puts a translated snapshot in the place of its old row. Its name is its folder's, unless a snapshot in another
 * folder has it: then it is known by path and digest alone. {@link countChildren} is due afterwards.
 */
export function indexTranslated(db: Database, { artifact, target, targetParent }: PlannedTranslation): void {
  const { path, legacy } = artifact;
  db.prepare('DELETE FROM snapshot_index WHERE digest IN (?, ?) OR artifact_path = ?').run(
    legacy.digest,
    target.digest,
    path,
  );
  const name = basename(path);
  const taken = db.prepare('SELECT 1 FROM snapshot_index WHERE name = ?').get(name) !== undefined;
  db.prepare(
    `INSERT INTO snapshot_index (digest, name, parent_digest, scope, state_kind, image_ref,
       image_manifest_digest, format, fstype, artifact_path, size_bytes, locality, availability,
       migration_state, created_at, indexed_at, child_count)
     VALUES (?, ?, ?, 'disk', 'file', ?, ?, 'raw', 'ext4', ?, ?, 'embedded', 'ready', 'complete', ?, ?, 0)`,
  ).run(
    target.digest,
    taken ? null : name,
    targetParent,
    legacy.image.ref,
    legacy.image.manifest_digest,
    path,
    legacy.upper.size_bytes,
    legacy.createdAt.stored,
    utcTimestamp(),
  );
}

/** Counts the indexed children of every snapshot anew. */
export function countChildren(db: Database): void {
  db.exec(
    `UPDATE snapshot_index SET child_count =
       (SELECT COUNT(*) FROM snapshot_index child WHERE child.parent_digest = snapshot_index.digest)`,
  );
}
