/**
 * Names of all steps, in the order they run (spec: state 6). It is not the order of the names: one step was
 * released before another with an earlier date.
 */
export const MIGRATIONS: readonly string[] = [
  'm20260305_000001_create_image_tables',
  'm20260305_000002_create_sandbox_tables',
  'm20260305_000003_create_storage_tables',
  'm20260305_000004_create_sandbox_images_table',
  'm20260410_000001_erofs_image_schema',
  'm20260501_000001_create_snapshot_index',
  'm20260517_000001_drop_sandbox_metric',
  'm20260527_000001_migrate_oci_rootfs_source',
  'm20260531_000001_create_sandbox_labels',
  'm20260531_000002_index_sandbox_labels_key_value',
  'm20260606_000001_named_volume_kinds',
  'm20260621_000001_add_sandbox_ephemeral',
  'm20260621_000002_create_maintenance_lease',
  'm20260703_000001_add_sandbox_active_config',
  'm20260708_000001_migrate_bind_rootfs_source',
  'm20260710_000001_migrate_root_disk',
  'm20260714_000001_add_snapshot_scope',
  'm20260723_000001_snapshot_artifact_transition',
  'm20260719_000001_create_cpu_allocations',
  'm20260803_000001_create_writeback_allocations',
  'm20260808_000001_create_memory_allocation_nodes',
  'm20260810_000001_rebuild_sandbox_labels',
  'm20260813_000001_share_cpu_allocations',
];
