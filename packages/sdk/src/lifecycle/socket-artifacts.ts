import { lstat, rm, rmdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { CustomError } from '@microsandbox/types';
import { errnoOf } from '@microsandbox/utils';
import type { SandboxPlace } from './sandbox-place.ts';

const PROBE_TIMEOUT_MS = 500;

/** Sockets under which a sandbox's agent may be reached, in the order clients try them. */
export function agentSockets({ paths }: SandboxPlace): readonly string[] {
  return [paths.agentSocket, paths.legacyAgentSocket, paths.innerAgentSocket];
}

/**
 * Removes the sockets of a sandbox that does not run, with the folder made for them. What is missing is fine.
 * The caller holds the lifecycle lock.
 */
export async function removeSocketArtifacts(place: SandboxPlace): Promise<void> {
  const { paths } = place;
  await assertOwnFolder(paths.socketDir);
  const files = [...agentSockets(place), paths.controlSocket, paths.legacyControlSocket];
  for (const file of files) await rm(file, { force: true });
  await rmdir(paths.socketDir).catch((error: unknown) => {
    if (errnoOf(error) !== 'ENOENT') throw error;
  });
}

/** Whether somebody answers under one of the sandbox's names. */
export async function isAnyEndpointLive(place: SandboxPlace): Promise<boolean> {
  const answers = await Promise.all(agentSockets(place).map(accepts));
  return answers.includes(true);
}

function accepts(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const finish = (accepted: boolean): void => {
      socket.destroy();
      resolve(accepted);
    };
    socket.setTimeout(PROBE_TIMEOUT_MS, () => finish(false));
    socket.once('connect', () => finish(true));
    socket.once('error', () => finish(false));
  });
}

/** A link in place of the folder would lead the removal somewhere else. */
async function assertOwnFolder(path: string): Promise<void> {
  const entry = await lstat(path).catch(() => null);
  if (entry !== null && !entry.isDirectory()) {
    throw new CustomError(`cannot remove the sockets in ${path}: it is not a folder`, {
      hint: `remove ${path} yourself`,
    });
  }
}
