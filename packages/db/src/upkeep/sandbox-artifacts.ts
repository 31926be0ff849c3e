import { lstat, rm, rmdir } from 'node:fs/promises';
import type { SandboxPaths } from '@microsandbox/utils';

/** A sandbox's files. */
export interface WithPaths {
  readonly paths: SandboxPaths;
}

/**
 * Removes the sockets of a sandbox that does not run, with the folder made for them. What is missing is fine.
 * The caller holds the lifecycle lock.
 *
 * @throws a system error when something else lies in that folder; with `force` it goes too
 */
export async function removeSocketArtifacts(
  { paths }: WithPaths,
  options: { readonly force?: boolean } = {},
): Promise<void> {
  const folder = await lstat(paths.socketDir).catch(() => null);
  if (folder !== null && !folder.isDirectory()) {
    // A link in place of the folder is removed itself; nothing behind it is touched.
    await rm(paths.socketDir, { force: true });
  } else if (folder !== null && options.force === true) {
    await rm(paths.socketDir, { recursive: true, force: true });
  } else if (folder !== null) {
    for (const file of [paths.agentSocket, paths.controlSocket]) await rm(file, { force: true });
    await rmdir(paths.socketDir);
  }
  for (const file of [paths.legacyAgentSocket, paths.legacyControlSocket, paths.innerAgentSocket]) {
    await rm(file, { force: true });
  }
}

/** Removes what a sandbox has on disk. The caller holds the lifecycle lock. */
export async function removeArtifacts(place: WithPaths): Promise<void> {
  await removeSocketArtifacts(place);
  await rm(place.paths.dir, { recursive: true, force: true });
}
