import type { Database } from 'better-sqlite3';
import type { Migration } from '../migration.ts';

/**
 * Snapshots that need not be one file, and the bookkeeping of translating older ones. SQLite cannot relax a
 * column, so the table is made anew and filled from the old one.
 */
export const snapshotArtifactTransition: Migration = {
  name: 'm20260723_000001_snapshot_artifact_transition',
  up(db) {
    if (!isRebuilt(db)) rebuildIndex(db);
    db.exec(`
      CREATE UNIQUE INDEX IF NOT EXISTS idx_snapshot_index_name ON snapshot_index (name) WHERE name IS NOT NULL;
      CREATE INDEX IF NOT EXISTS idx_snapshot_index_parent ON snapshot_index (parent_digest);
      CREATE INDEX IF NOT EXISTS idx_snapshot_index_image ON snapshot_index (image_manifest_digest);
      CREATE TABLE IF NOT EXISTS snapshot_artifact_migration (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        artifact_path TEXT NOT NULL,
        indexed_digest TEXT,
        source_digest TEXT,
        target_digest TEXT,
        source_parent_digest TEXT,
        target_parent_digest TEXT,
        payload_integrity TEXT,
        payload_size BIGINT,
        payload_file_identity TEXT,
        phase TEXT NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        error_code TEXT,
        error_detail TEXT,
        discovered_at DATETIME NOT NULL,
        updated_at DATETIME NOT NULL,
        completed_at DATETIME,
        recovery_member TEXT,
        translation_source TEXT,
        UNIQUE(kind, artifact_path)
      );
      CREATE INDEX IF NOT EXISTS idx_snapshot_artifact_migration_source
        ON snapshot_artifact_migration (kind, source_digest);
    `);
  },
};

function hasTable(db: Database, name: string): boolean {
  return db.prepare(`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?`).get(name) !== undefined;
}

/** True when an older release died after the last statement of the rebuild and before its bookkeeping. */
function isRebuilt(db: Database): boolean {
  const column = db
    .prepare(`SELECT 1 FROM pragma_table_info('snapshot_index') WHERE name = 'state_kind'`)
    .get();
  return column !== undefined && !hasTable(db, 'snapshot_index_pre_v067');
}

function rebuildIndex(db: Database): void {
  // The old table under its temporary name: an older release died in between, and what it had made of the new
  // one may be incomplete.
  const interrupted = hasTable(db, 'snapshot_index_pre_v067');
  db.exec(`
    DROP INDEX IF EXISTS idx_snapshot_index_name;
    DROP INDEX IF EXISTS idx_snapshot_index_parent;
    DROP INDEX IF EXISTS idx_snapshot_index_image;
    ${
      interrupted
        ? 'DROP TABLE IF EXISTS snapshot_index;'
        : 'ALTER TABLE snapshot_index RENAME TO snapshot_index_pre_v067;'
    }
    CREATE TABLE snapshot_index (
      digest TEXT NOT NULL PRIMARY KEY,
      name TEXT,
      parent_digest TEXT,
      scope TEXT NOT NULL,
      state_kind TEXT NOT NULL,
      image_ref TEXT NOT NULL,
      image_manifest_digest TEXT NOT NULL,
      format TEXT,
      fstype TEXT,
      checkpoint_manifest_digest TEXT,
      artifact_path TEXT NOT NULL,
      size_bytes BIGINT,
      locality TEXT NOT NULL DEFAULT 'embedded',
      storage_binding_id TEXT,
      availability TEXT NOT NULL DEFAULT 'ready',
      migration_state TEXT NOT NULL DEFAULT 'canonical',
      migration_error_code TEXT,
      created_at DATETIME NOT NULL,
      indexed_at DATETIME NOT NULL,
      child_count INTEGER NOT NULL DEFAULT 0
    );
    INSERT INTO snapshot_index (
      digest, name, parent_digest, scope, state_kind, image_ref, image_manifest_digest, format, fstype,
      artifact_path, size_bytes, created_at, indexed_at, child_count
    )
    SELECT
      digest, name, parent_digest, scope, 'file', image_ref, image_manifest_digest, format, fstype,
      artifact_path, size_bytes, created_at, indexed_at, child_count
    FROM snapshot_index_pre_v067;
    DROP TABLE snapshot_index_pre_v067;
  `);
}
