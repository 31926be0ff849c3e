import { attachExec, type ExecSessionEntry, listExecSessions } from '@microsandbox/protocol';
import { connectRunning } from '../agent/connect-running.ts';
import type { SandboxPlace } from '../lifecycle/sandbox-place.ts';
import { attachTerminal, hostTerminal, sizeOf } from './attach.ts';
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from './detach-keys.ts';
import { ExecHandle } from './exec-handle.ts';

/** A program in a sandbox, whoever started it. */
export interface ExecSession {
  /** Counts from 1 while the sandbox runs; also the session of its log entries. */
  readonly id: number;
  /** Command and arguments, shortened. */
  readonly command: string;
  readonly tty: boolean;
  /** Process id in the guest; null before it runs. */
  readonly pid: number | null;
  readonly startedAt: Date;
  /** Whether it outlives the caller that started it, and can be attached. */
  readonly detached: boolean;
  /** Whether somebody reads it now. */
  readonly attached: boolean;
  /** Null while it runs; -1 after a signal. */
  readonly exitCode: number | null;
  readonly signal: number | null;
}

/** Programs under way, and detached ones that ended lately. */
export async function listSessions(place: SandboxPlace): Promise<ExecSession[]> {
  await using client = await connectRunning(place);
  return (await listExecSessions(client)).map(sessionOf);
}

/** Continues a detached program: the last 256 KiB that it wrote since it was let go, then all that comes. */
export async function attachSession(place: SandboxPlace, id: number): Promise<ExecHandle> {
  const client = await connectRunning(place);
  try {
    return new ExecHandle(client, await attachExec(client, id), { kind: 'pipe' });
  } catch (error) {
    await client.close();
    throw error;
  }
}

/** Like {@link attachSession}, on this process's terminal. The detach keys leave the program running again. */
export async function attachSessionTerminal(
  place: SandboxPlace,
  id: number,
  detachKeys: string = DEFAULT_DETACH_KEYS,
): Promise<number> {
  const terminal = hostTerminal();
  const keys = parseDetachKeys(detachKeys);
  const handle = await attachSession(place, id);
  const { rows, cols } = sizeOf(terminal);
  await handle.resize(rows, cols);
  return attachTerminal(handle, terminal, keys);
}

function sessionOf(entry: ExecSessionEntry): ExecSession {
  const { session, command, tty, pid, startedAt, kept, attached, exitCode, signal } = entry;
  return {
    id: session,
    command,
    tty,
    pid,
    startedAt: new Date(Number(startedAt)),
    detached: kept,
    attached,
    exitCode,
    signal,
  };
}
