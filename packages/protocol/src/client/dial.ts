import { setTimeout as delay } from 'node:timers/promises';
import { AgentClientError } from '@microsandbox/types';
import { type Dialled, dialOnce } from './dial-once.ts';

/** How long a connection and its handshake may take together, in milliseconds. */
export const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;

/** Pause before a relay without room is asked again: the mean, so that those who wait do not come all at once. */
const PAUSE_MS = 20;

export interface DialOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Connects to a relay, which has room for 128 clients at once and hangs up on others (protocol section 11.2): waits
 * for room as long as the time-out allows.
 *
 * @throws AgentClientError when nobody listens, the time is over or the prologue is none.
 */
export async function dial(path: string, options: DialOptions = {}): Promise<Dialled> {
  const { timeoutMs = DEFAULT_CONNECT_TIMEOUT_MS, signal } = options;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const leftMs = Math.max(1, deadline - performance.now());
    const dialled = await dialOnce(path, { timeoutMs: leftMs, signal });
    if (dialled !== null) return dialled;
    const pauseMs = 2 * PAUSE_MS * Math.random();
    if (performance.now() + pauseMs >= deadline) throw noRoom();
    await delay(pauseMs);
    signal?.throwIfAborted();
  }
}

function noRoom(): AgentClientError {
  return new AgentClientError('handshake: the relay hung up without a word', {
    hint: 'a sandbox serves 128 connections at once, one for each command and file stream: end some',
  });
}
