import { addColumn } from '../add-column.ts';
import type { Migration } from '../migration.ts';

/** Volumes that are disks. */
export const namedVolumeKinds: Migration = {
  name: 'm20260606_000001_named_volume_kinds',
  up(db) {
    addColumn(db, 'volume', 'kind', `text NOT NULL DEFAULT 'dir'`);
    addColumn(db, 'volume', 'capacity_bytes', 'integer');
    addColumn(db, 'volume', 'disk_format', 'text');
    addColumn(db, 'volume', 'disk_fstype', 'text');
    db.exec(`
      CREATE TABLE IF NOT EXISTS "volume_attach" (
        "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
        "volume_id" integer NOT NULL,
        "sandbox_id" integer,
        "pid" integer NOT NULL,
        "mode" text NOT NULL,
        "created_at" datetime_text NOT NULL,
        FOREIGN KEY ("volume_id") REFERENCES "volume" ("id") ON DELETE CASCADE,
        FOREIGN KEY ("sandbox_id") REFERENCES "sandbox" ("id") ON DELETE SET NULL
      );
      CREATE INDEX IF NOT EXISTS "idx_volume_attach_volume_id" ON "volume_attach" ("volume_id");
    `);
  },
};
