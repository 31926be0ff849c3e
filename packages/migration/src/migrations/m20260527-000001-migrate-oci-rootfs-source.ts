import type { Migration } from '../migration.ts';
import { assertConfigsParse } from '../stored-config.ts';

/** An image source that was a bare reference becomes an object with the then fixed size of the upper disk. */
export const migrateOciRootfsSource: Migration = {
  name: 'm20260527_000001_migrate_oci_rootfs_source',
  up(db) {
    assertConfigsParse(db, 'config');
    db.exec(`
      UPDATE sandbox SET config = json_set(config, '$.image.Oci', json_object(
        'reference', json_extract(config, '$.image.Oci'),
        'upper_size_mib', 4096
      ))
      WHERE json_type(config, '$.image.Oci') = 'text'
    `);
  },
};
