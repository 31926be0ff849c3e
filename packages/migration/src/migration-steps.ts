import type { Migration } from './migration.ts';
import { createImageTables } from './migrations/m20260305-000001-create-image-tables.ts';
import { createSandboxTables } from './migrations/m20260305-000002-create-sandbox-tables.ts';
import { createStorageTables } from './migrations/m20260305-000003-create-storage-tables.ts';
import { createSandboxImagesTable } from './migrations/m20260305-000004-create-sandbox-images-table.ts';
import { erofsImageSchema } from './migrations/m20260410-000001-erofs-image-schema.ts';
import { createSnapshotIndex } from './migrations/m20260501-000001-create-snapshot-index.ts';
import { dropSandboxMetric } from './migrations/m20260517-000001-drop-sandbox-metric.ts';
import { migrateOciRootfsSource } from './migrations/m20260527-000001-migrate-oci-rootfs-source.ts';
import { createSandboxLabels } from './migrations/m20260531-000001-create-sandbox-labels.ts';
import { indexSandboxLabelsKeyValue } from './migrations/m20260531-000002-index-sandbox-labels-key-value.ts';
import { namedVolumeKinds } from './migrations/m20260606-000001-named-volume-kinds.ts';
import { addSandboxEphemeral } from './migrations/m20260621-000001-add-sandbox-ephemeral.ts';
import { createMaintenanceLease } from './migrations/m20260621-000002-create-maintenance-lease.ts';
import { addSandboxActiveConfig } from './migrations/m20260703-000001-add-sandbox-active-config.ts';
import { migrateBindRootfsSource } from './migrations/m20260708-000001-migrate-bind-rootfs-source.ts';
import { migrateRootDisk } from './migrations/m20260710-000001-migrate-root-disk.ts';
import { addSnapshotScope } from './migrations/m20260714-000001-add-snapshot-scope.ts';
import { createCpuAllocations } from './migrations/m20260719-000001-create-cpu-allocations.ts';
import { snapshotArtifactTransition } from './migrations/m20260723-000001-snapshot-artifact-transition.ts';
import { createWritebackAllocations } from './migrations/m20260803-000001-create-writeback-allocations.ts';
import { createMemoryAllocationNodes } from './migrations/m20260808-000001-create-memory-allocation-nodes.ts';
import { rebuildSandboxLabels } from './migrations/m20260810-000001-rebuild-sandbox-labels.ts';
import { shareCpuAllocations } from './migrations/m20260813-000001-share-cpu-allocations.ts';

/**
 * Every step, in the order of {@link MIGRATIONS}.
 */
export const MIGRATION_STEPS: readonly Migration[] = [
  createImageTables,
  createSandboxTables,
  createStorageTables,
  createSandboxImagesTable,
  erofsImageSchema,
  createSnapshotIndex,
  dropSandboxMetric,
  migrateOciRootfsSource,
  createSandboxLabels,
  indexSandboxLabelsKeyValue,
  namedVolumeKinds,
  addSandboxEphemeral,
  createMaintenanceLease,
  addSandboxActiveConfig,
  migrateBindRootfsSource,
  migrateRootDisk,
  addSnapshotScope,
  snapshotArtifactTransition,
  createCpuAllocations,
  createWritebackAllocations,
  createMemoryAllocationNodes,
  rebuildSandboxLabels,
  shareCpuAllocations,
];
