import type { Database } from 'better-sqlite3';
import { addColumn } from '../add-column.ts';
import type { Migration } from '../migration.ts';
import { assertConfigsParse, type ConfigColumn } from '../stored-config.ts';

/** The upper disk's size becomes one kind of root disk. A configuration that names a root disk keeps it. */
export const migrateRootDisk: Migration = {
  name: 'm20260710_000001_migrate_root_disk',
  up(db) {
    addColumn(db, 'sandbox_rootfs', 'root_disk_kind', `text NOT NULL DEFAULT 'managed'`);
    addColumn(db, 'sandbox_rootfs', 'root_disk_path', 'text');
    for (const column of ['config', 'active_config'] as const) {
      assertConfigsParse(db, column);
      moveUpperSize(db, column);
    }
  },
};

function moveUpperSize(db: Database, column: ConfigColumn): void {
  const size = '$.image.Oci.upper_size_mib';
  const disk = '$.image.Oci.root_disk';
  db.exec(`
    UPDATE sandbox SET ${column} = json_remove(
      CASE json_type(${column}, '${size}')
        WHEN 'null' THEN ${column}
        ELSE json_set(${column}, '${disk}', json_object(
          'kind', 'managed',
          'size_mib', json_extract(${column}, '${size}')
        ))
      END,
      '${size}'
    )
    WHERE json_type(${column}, '${size}') IS NOT NULL AND json_type(${column}, '${disk}') IS NULL
  `);
}
