import { chmod, lstat, mkdir, readlink, rmdir, symlink, unlink } from 'node:fs/promises';
import { dirname, relative } from 'node:path';
import { RuntimeError } from '@microsandbox/types';
import { errnoOf } from '@microsandbox/utils';

/** Places of a sandbox's agent socket. */
export interface AgentSocketPlaces {
  /** What is bound. */
  readonly agentSocket: string;
  /** Where older clients look; null when it is the bound path itself. */
  readonly legacyAgentSocket: string | null;
}

/**
 * Makes the socket's own folder (0700) and removes what an earlier run left there (protocol section 12).
 *
 * @throws RuntimeError when something else stands in the folder's place
 */
export async function prepareSocketFolder(agentSocket: string): Promise<void> {
  const folder = dirname(agentSocket);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (!(await lstat(folder)).isDirectory()) {
    throw new RuntimeError(`bind agent socket: ${folder} is not a directory`, { hint: `remove ${folder}` });
  }
  await chmod(folder, 0o700);
  await removeIfThere(agentSocket);
}

/**
 * Publishes the old path as a relative link. Never replaces anything.
 *
 * @throws RuntimeError when something else is there
 */
export async function publishLegacySocket(places: AgentSocketPlaces): Promise<void> {
  const { agentSocket, legacyAgentSocket } = places;
  if (legacyAgentSocket === null) return;
  const folder = dirname(legacyAgentSocket);
  const target = relative(folder, agentSocket);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    await symlink(target, legacyAgentSocket);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    if ((await linkTarget(legacyAgentSocket)) === target) return;
    throw new RuntimeError(
      `bind agent socket: legacy runtime endpoint already exists at ${legacyAgentSocket}`,
      {
        hint: `stop what uses ${legacyAgentSocket}, or remove it`,
      },
    );
  }
}

/** Removes the names of the sockets; connections go on. Missing ones are fine. */
export async function removeSockets(places: AgentSocketPlaces): Promise<void> {
  const { agentSocket, legacyAgentSocket } = places;
  if (legacyAgentSocket !== null) {
    const target = relative(dirname(legacyAgentSocket), agentSocket);
    if ((await linkTarget(legacyAgentSocket)) === target) await removeIfThere(legacyAgentSocket);
  }
  await removeIfThere(agentSocket);
  // Other files of the folder, such as a control socket, keep it.
  if (legacyAgentSocket !== null) await rmdir(dirname(agentSocket)).catch(() => {});
}

async function linkTarget(path: string): Promise<string | null> {
  return readlink(path).catch(() => null);
}

async function removeIfThere(path: string): Promise<void> {
  await unlink(path).catch((error: unknown) => {
    if (errnoOf(error) !== 'ENOENT') throw error;
  });
}
