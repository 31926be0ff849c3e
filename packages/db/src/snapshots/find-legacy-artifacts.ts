import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '@microsandbox/utils';
import { SNAPSHOT_FILES } from './snapshot-files.ts';

/**
 * Folders with a legacy descriptor: visible ones directly under the snapshots folder, and those that the catalog
 * lists. A folder that two paths lead to comes once. Symbolic links are not followed.
 */
export async function findLegacyArtifacts(
  snapshotsDir: string,
  indexedPaths: readonly string[],
): Promise<readonly string[]> {
  const paths = new Set([...(await visibleFolders(snapshotsDir)), ...indexedPaths]);
  const found = await Promise.all(
    [...paths].map(async (path) => [path, await legacyIdentity(path)] as const),
  );
  const byIdentity = new Map<string, string>();
  for (const [path, identity] of found) {
    if (identity !== null && !byIdentity.has(identity)) byIdentity.set(identity, path);
  }
  return [...byIdentity.values()].sort();
}

async function visibleFolders(snapshotsDir: string): Promise<string[]> {
  const entries = await readdir(snapshotsDir, { withFileTypes: true }).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  });
  return entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map((entry) => join(snapshotsDir, entry.name));
}

/** Device and inode of a folder that holds a legacy descriptor, or null. */
async function legacyIdentity(path: string): Promise<string | null> {
  try {
    await lstat(join(path, SNAPSHOT_FILES.legacy));
    const { dev, ino } = await lstat(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return null;
  }
}
