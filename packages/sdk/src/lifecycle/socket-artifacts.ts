import type { Socket } from 'node:net';
import type { SandboxPlace } from './sandbox-place.ts';

const PROBE_TIMEOUT_MS = 500;

/** Sockets under which a sandbox's agent may be reached, in the order clients try them. */
export function agentSockets({ paths }: SandboxPlace): readonly string[] {
  return [paths.agentSocket, paths.legacyAgentSocket, paths.innerAgentSocket];
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
