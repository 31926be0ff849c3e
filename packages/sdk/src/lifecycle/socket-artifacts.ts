import { lstat, rm, rmdir } from 'node:fs/promises';
import type { Socket } from 'node:net';
import type { SandboxPlace } from './sandbox-place.ts';

const PROBE_TIMEOUT_MS = 500;

/** Sockets under which a sandbox's agent may be reached, in the order clients try them. */
export function agentSockets({ paths }: SandboxPlace): readonly string[] {
  return [paths.agentSocket, paths.legacyAgentSocket, paths.innerAgentSocket];
}

/**
 * Removes the sockets of a sandbox that does not run, with the folder made for them. What is missing is fine.
 * The caller holds the lifecycle lock.
 *
 * @throws a system error when something else lies in that folder; with `force` it goes too
 */
export async function removeSocketArtifacts(
  place: SandboxPlace,
  options: { readonly force?: boolean } = {},
): Promise<void> {
  const { paths } = place;
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

/** Whether somebody answers under one of the sandbox's names. */
export async function isAnyEndpointLive(place: SandboxPlace): Promise<boolean> {
  const { connect } = await import('node:net');
  const answers = await Promise.all(agentSockets(place).map((path) => accepts(() => connect(path))));
  return answers.includes(true);
}

function accepts(dial: () => Socket): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = dial();
    const finish = (accepted: boolean): void => {
      socket.destroy();
      resolve(accepted);
    };
    socket.setTimeout(PROBE_TIMEOUT_MS, () => finish(false));
    socket.once('connect', () => finish(true));
    socket.once('error', () => finish(false));
  });
}
