import { lstat, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { pathExists, syncDirectory, writeFileAtomic } from '@microsandbox/utils';
import { inspectArtifact } from './inspect-artifact.ts';
import type { PlannedTranslation } from './plan-translations.ts';
import { SNAPSHOT_FILES } from './snapshot-files.ts';
import { SnapshotMigrationError } from './snapshot-migration-error.ts';

/**
 * Writes `snapshot.json` beside the legacy descriptor, unless an interrupted translation did. The caller holds the
 * artifact's lock.
 *
 * @throws SnapshotMigrationError when the artifact is not any more what was planned for
 */
export async function publishDescriptor({ artifact, target }: PlannedTranslation): Promise<void> {
  const { path, rawDigest, payloadIdentity } = artifact;
  const now = await inspectArtifact(path);
  if (now.rawDigest !== rawDigest || now.payloadIdentity !== payloadIdentity) {
    throw new SnapshotMigrationError(
      'legacy_descriptor_changed_during_migration',
      'the descriptor or the payload changed while the translation was planned',
      'planned',
    );
  }
  if (now.published === null) {
    await writeFileAtomic(join(path, SNAPSHOT_FILES.descriptor), target.text);
  } else if (!now.published.equals(Buffer.from(target.text))) {
    throw new SnapshotMigrationError(
      'legacy_target_collision',
      'an unexpected snapshot.json already exists',
      'planned',
    );
  }
}

/** Puts the legacy descriptor away, after which the snapshot is canonical. */
export async function retireDescriptor(path: string): Promise<void> {
  await rename(join(path, SNAPSHOT_FILES.legacy), join(path, SNAPSHOT_FILES.retired));
  await syncDirectory(path);
}

/** Whether a folder holds a canonical snapshot that no legacy descriptor contests. */
export async function isCanonical(path: string): Promise<boolean> {
  const isLegacy = await lstat(join(path, SNAPSHOT_FILES.legacy)).then(
    () => true,
    () => false,
  );
  return !isLegacy && (await pathExists(join(path, SNAPSHOT_FILES.descriptor)));
}
