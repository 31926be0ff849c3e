import type { AgentClient } from '@microsandbox/protocol';
import { describeNotRunning } from '../lifecycle/not-running.ts';
import type { SandboxPlace } from '../lifecycle/sandbox-place.ts';
import { connectAgent } from './connect-agent.ts';

/**
 * Connects to a sandbox's agent, for what needs a running sandbox.
 *
 * @throws SandboxNotRunningError, SandboxNotFoundError when that is why none answers
 * @throws AgentClientError
 */
export async function connectRunning(place: SandboxPlace): Promise<AgentClient> {
  try {
    return await connectAgent(place);
  } catch (error) {
    throw (await describeNotRunning(place)) ?? error;
  }
}
