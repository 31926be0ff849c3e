import { AgentClient } from '@microsandbox/protocol';
import type { LaunchConfig } from '@microsandbox/types';

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Runs the command that a detached sandbox was started for, as an ordinary client of its own agent socket.
 *
 * @returns its exit code; 1 when it could not be started or was lost
 */
export async function runStartupCommand(
  agentSocket: string,
  startup: NonNullable<LaunchConfig['startup']>,
): Promise<number> {
  const client = await AgentClient.connect(agentSocket, { timeoutMs: CONNECT_TIMEOUT_MS });
  try {
    const stream = await client.stream('core.exec.request', { ...startup, tty: false, rows: 24, cols: 80 });
    for await (const message of stream) {
      if (message.type === 'core.exec.exited') return message.payload.code;
      if (message.type === 'core.exec.failed' || message.type === 'core.error') return 1;
    }
    return 1;
  } finally {
    await client.close();
  }
}
