import { chmod, lstat, mkdir, readlink, rmdir, symlink, unlink } from 'node:fs/promises';
import { dirname, relative } from 'node:path';
import { RuntimeError } from '@microsandbox/types';
import { errnoOf } from '@microsandbox/utils';

/** Places of a sandbox's sockets. A legacy place is null when it is the bound path itself. */
export interface SocketPlaces {
  /** Where clients of the guest's agent connect. */
  readonly agentSocket: string;
  /** Where older clients look. */
  readonly legacyAgentSocket: string | null;
  /** Where a running sandbox is changed; bound only when it can be. */
  readonly controlSocket: string;
  readonly legacyControlSocket: string | null;
}

/**
 * Makes the sockets' own folder (0700) and removes what an earlier run left there (protocol section 12).
 *
 * @throws RuntimeError when something else stands in the folder's place
 */
export async function prepareSocketFolder({ agentSocket, controlSocket }: SocketPlaces): Promise<void> {
  const folder = dirname(agentSocket);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (!(await lstat(folder)).isDirectory()) {
    throw new RuntimeError(`bind agent socket: ${folder} is not a directory`, { hint: `remove ${folder}` });
  }
  await chmod(folder, 0o700);
  await removeIfThere(agentSocket);
  await removeIfThere(controlSocket);
}

/**
 * Publishes the old path of a socket as a relative link. Never replaces anything.
 *
 * @throws RuntimeError when something else is there
 */
export async function publishLegacySocket(socket: string, legacy: string | null): Promise<void> {
  if (legacy === null) return;
  const folder = dirname(legacy);
  const target = relative(folder, socket);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    await symlink(target, legacy);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    if ((await linkTarget(legacy)) === target) return;
    throw new RuntimeError(`bind agent socket: legacy runtime endpoint already exists at ${legacy}`, {
      hint: `stop what uses ${legacy}, or remove it`,
    });
  }
}

/** Removes the names of the sockets; connections go on. Missing ones are fine. */
export async function removeSockets(places: SocketPlaces): Promise<void> {
  const { agentSocket, legacyAgentSocket, controlSocket, legacyControlSocket } = places;
  for (const [socket, legacy] of [
    [agentSocket, legacyAgentSocket],
    [controlSocket, legacyControlSocket],
  ] as const) {
    if (legacy !== null && (await linkTarget(legacy)) === relative(dirname(legacy), socket)) {
      await removeIfThere(legacy);
    }
    await removeIfThere(socket);
  }
  // Other files of the folder keep it, and so does a folder that many sandboxes share.
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
