import type { AgentClient } from '@microsandbox/protocol';
import { AgentClientError } from '@microsandbox/types';
import { pathExists } from '@microsandbox/utils';
import type { SandboxPlace } from '../lifecycle/sandbox-place.ts';
import { agentSockets } from '../lifecycle/socket-artifacts.ts';

const DEFAULT_TIMEOUT_MS = 10_000;

/**
 * Connects to a sandbox's agent under the first of its names that answers (agent protocol 12).
 *
 * @throws AgentClientError when none does
 */
export async function connectAgent(
  place: SandboxPlace,
  options: { readonly timeoutMs?: number; readonly signal?: AbortSignal | undefined } = {},
): Promise<AgentClient> {
  const { AgentClient } = await import('@microsandbox/protocol');
  const { timeoutMs = DEFAULT_TIMEOUT_MS, signal } = options;
  let failure: unknown = new AgentClientError(
    `agent client error: ${JSON.stringify(place.name)} has no agent endpoint (is it running?)`,
  );
  for (const path of agentSockets(place)) {
    if (!(await pathExists(path))) continue;
    try {
      return await AgentClient.connect(path, { timeoutMs, ...(signal && { signal }) });
    } catch (error) {
      signal?.throwIfAborted();
      failure = error;
    }
  }
  throw failure;
}
