import { AgentClientError } from '@microsandbox/types';
import type { SandboxPlace } from '../lifecycle/sandbox-place.ts';
import { connectAgent } from './connect-agent.ts';

/** The agent's answer time in milliseconds. Does not count as activity. */
export async function pingAgent(place: SandboxPlace): Promise<number> {
  await using client = await connectAgent(place);
  const start = performance.now();
  const answer = await client.request('core.ping', {});
  if (answer.type !== 'core.pong') throw rejection('ping', answer);
  return performance.now() - start;
}

/** Counts as activity; the agent's new activity number. */
export async function touchAgent(place: SandboxPlace): Promise<number> {
  await using client = await connectAgent(place);
  const answer = await client.request('core.touch', {});
  if (answer.type !== 'core.touched') throw rejection('touch', answer);
  return Number(answer.payload.activitySeq);
}

function rejection(
  operation: string,
  answer: { readonly type: string; readonly payload: unknown },
): AgentClientError {
  if (answer.type !== 'core.error') {
    return new AgentClientError(`agent client error: agent returned ${answer.type} to ${operation}`);
  }
  const { kind, message } = answer.payload as { kind: string; message: string };
  return new AgentClientError(`agent client error: agent rejected ${operation}: ${kind}: ${message}`);
}
