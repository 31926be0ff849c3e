import type { ExecRequest } from '@microsandbox/protocol';
import { connectAgent } from '../agent/connect-agent.ts';
import type { StdinOption } from '../builders/exec-options-builder.ts';
import { describeNotRunning } from '../lifecycle/not-running.ts';
import type { SandboxPlace } from '../lifecycle/sandbox-place.ts';
import { ExecHandle } from './exec-handle.ts';

/**
 * Starts a program on a connection of its own.
 *
 * @throws SandboxNotRunningError when the sandbox does not run
 */
export async function startProgram(
  place: SandboxPlace,
  request: ExecRequest,
  stdin: StdinOption,
): Promise<ExecHandle> {
  const client = await connectAgent(place).catch(async (error: unknown) => {
    throw (await describeNotRunning(place)) ?? error;
  });
  try {
    return new ExecHandle(client, await client.stream('core.exec.request', request), stdin);
  } catch (error) {
    await client.close();
    throw error;
  }
}
