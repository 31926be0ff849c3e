import { addColumn } from '../add-column.ts';
import type { Migration } from '../migration.ts';

/** What a snapshot covers. */
export const addSnapshotScope: Migration = {
  name: 'm20260714_000001_add_snapshot_scope',
  up(db) {
    addColumn(db, 'snapshot_index', 'scope', `text NOT NULL DEFAULT 'disk'`);
  },
};
