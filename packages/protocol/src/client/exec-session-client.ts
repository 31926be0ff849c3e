import { RuntimeError, UnsupportedOperationError } from '@microsandbox/types';
import { decodeAnyEnvelope, decodePayload, encodeMessage } from '../envelope.ts';
import {
  type ExecSessionEntry,
  encodeExecSessionMessage,
  execSessionFlags,
  expectExecSessionMessage,
} from '../exec-session-messages.ts';
import { EXTENSIONS } from '../extensions.ts';
import type { Frame } from '../frame.ts';
import { flagsOf } from '../message-types.ts';
import type { ExecRequest } from '../payloads/exec.ts';
import type { AgentClient } from './agent-client.ts';
import { AgentStream } from './agent-stream.ts';

/**
 * Asks the relay to let the program under `id` outlive this client, and returns its session number.
 *
 * @throws UnsupportedOperationError, RuntimeError
 */
export async function keepExec(client: AgentClient, id: number): Promise<number> {
  assertOffered(client);
  const body = encodeExecSessionMessage('core.exec.keep', { id });
  const answer = await client.requestRaw(execSessionFlags('core.exec.keep'), body);
  return expectExecSessionMessage('core.exec.kept', answerOf(answer)).session;
}

/**
 * Starts a program that outlives this client, which misses nothing of its output, nor does whoever attaches later.
 *
 * @throws UnsupportedOperationError, RuntimeError when too many are kept: the program ends with the client then
 */
export async function startKeptExec(client: AgentClient, request: ExecRequest): Promise<AgentStream> {
  assertOffered(client);
  const type = 'core.exec.request';
  const raw = await client.streamRawWith(flagsOf(type), encodeMessage(type, request), (id) =>
    keepExec(client, id),
  );
  return new AgentStream(raw, client.negotiatedVersion);
}

/**
 * Programs under way, and kept ones that ended lately.
 *
 * @throws UnsupportedOperationError
 */
export async function listExecSessions(client: AgentClient): Promise<ExecSessionEntry[]> {
  assertOffered(client);
  const body = encodeExecSessionMessage('core.exec.sessions', {});
  const answer = await client.requestRaw(execSessionFlags('core.exec.sessions'), body);
  return expectExecSessionMessage('core.exec.sessions.list', answerOf(answer)).sessions;
}

/**
 * Continues a kept program on this client. A session that cannot be had answers with `core.error`.
 *
 * @throws UnsupportedOperationError
 */
export async function attachExec(client: AgentClient, session: number): Promise<AgentStream> {
  assertOffered(client);
  const body = encodeExecSessionMessage('core.exec.attach', { session });
  const raw = await client.streamRaw(execSessionFlags('core.exec.attach'), body);
  return new AgentStream(raw, client.negotiatedVersion);
}

function assertOffered(client: AgentClient): void {
  if (client.ready.extensions.includes(EXTENSIONS.execSessions)) return;
  throw new UnsupportedOperationError('the sandbox runtime cannot keep programs of clients that go away', {
    hint: 'restart the sandbox to update its runtime',
  });
}

function answerOf(frame: Frame): { readonly type: string; readonly payload: Uint8Array } {
  const envelope = decodeAnyEnvelope(frame.body);
  if (envelope.type === 'core.error') {
    throw new RuntimeError(`runtime error: ${decodePayload('core.error', envelope.payload).message}`);
  }
  return envelope;
}
