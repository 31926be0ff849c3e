import type { Migration } from '../migration.ts';
import { assertConfigsParse } from '../stored-config.ts';

/** A root folder that was a bare path becomes an object, under the key it had. */
export const migrateBindRootfsSource: Migration = {
  name: 'm20260708_000001_migrate_bind_rootfs_source',
  up(db) {
    for (const column of ['config', 'active_config'] as const) {
      assertConfigsParse(db, column);
      for (const key of ['bind', 'Bind']) {
        db.exec(`
          UPDATE sandbox SET ${column} = json_set(${column}, '$.image.${key}', json_object(
            'path', json_extract(${column}, '$.image.${key}'),
            'follow_root_symlinks', json('false')
          ))
          WHERE json_type(${column}, '$.image.${key}') = 'text'
        `);
      }
    }
  },
};
