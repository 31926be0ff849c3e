import { rm } from 'node:fs/promises';
import {
  activeRun,
  deleteFinishedEphemeral,
  finishRun,
  isActive,
  isRunAlive,
  type RunRow,
  removeSocketArtifacts,
  type SandboxRow,
  setSandboxStatus,
} from '@microsandbox/db';
import { RuntimeError, type SandboxState } from '@microsandbox/types';
import { sleep, tryFileLock } from '@microsandbox/utils';
import { connectAgent } from '../agent/connect-agent.ts';
import { refreshTarget, sandboxNotFound } from './find-sandbox.ts';
import type { SandboxTarget } from './sandbox-place.ts';

/** Milliseconds that a sandbox gets to stop by itself. */
export const DEFAULT_STOP_TIMEOUT_MS = 10_000;
/** Milliseconds to wait for a killed sandbox to be gone. */
export const DEFAULT_KILL_TIMEOUT_MS = 5000;

const AGENT_TIMEOUT_MS = 5000;
const KILL_POLL_MS = 50;
const WAIT_POLL_MS = 100;

/** How a sandbox was seen to have stopped. */
export interface StopObservation {
  readonly status: SandboxState;
  readonly source: 'refreshed backend state' | 'ephemeral cleanup removed persisted state';
}

/** Asks a sandbox to stop and returns; one that does not run is left alone (spec: state 13). */
export async function requestStop(target: SandboxTarget): Promise<void> {
  const row = await beginDraining(target);
  if (row === null) return;
  try {
    await using client = await connectAgent(target, { timeoutMs: AGENT_TIMEOUT_MS });
    await client.shutdown();
  } catch {
    await signalRun(target, 'SIGTERM');
  }
}

/** Lets a sandbox end without its agent: the sandbox process is told directly. */
export async function requestDrain(target: SandboxTarget): Promise<void> {
  const row = await beginDraining(target);
  if (row !== null) await signalRun(target, 'SIGUSR1');
}

/**
 * Kills a sandbox's process and waits up to 5 s until it is gone. Returns also when it is not: who must know
 * waits with {@link waitUntilStopped}.
 */
export async function requestKill(target: SandboxTarget): Promise<void> {
  const row = await refreshTarget(target);
  if (row === null || !isActive(row.status)) return;
  const deadline = performance.now() + DEFAULT_KILL_TIMEOUT_MS;
  do {
    const run = await signalRun(target, 'SIGKILL');
    if (run === null && (await markStopped(target))) return;
    await sleep(KILL_POLL_MS);
  } while (performance.now() < deadline);
}

/**
 * Stops a sandbox: asks, waits `timeoutMs`, kills, waits 5 s more. With 0 it is killed at once.
 *
 * @throws RuntimeError when it still runs then
 */
export async function stopSandbox(target: SandboxTarget, timeoutMs: number): Promise<void> {
  if (timeoutMs <= 0) return killSandbox(target, DEFAULT_KILL_TIMEOUT_MS);
  await requestStop(target);
  if ((await waitUntilStopped(target, timeoutMs)) === null) {
    await killSandbox(target, DEFAULT_KILL_TIMEOUT_MS);
  }
}

/** @throws RuntimeError when the sandbox still runs after `timeoutMs` */
export async function killSandbox(target: SandboxTarget, timeoutMs: number): Promise<void> {
  await requestKill(target);
  if ((await waitUntilStopped(target, timeoutMs)) === null) {
    throw new RuntimeError(`runtime error: timed out observing stopped state for sandbox '${target.name}'`);
  }
}

/**
 * Waits until a sandbox has stopped or crashed; null when `timeoutMs` passed. A sandbox that removes itself
 * and is gone has stopped.
 */
export async function waitUntilStopped(
  target: SandboxTarget,
  timeoutMs: number = Number.POSITIVE_INFINITY,
): Promise<StopObservation | null> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const row = await refreshTarget(target);
    if (row === null) {
      if (!target.ephemeral) throw sandboxNotFound(target.name);
      return { status: 'Stopped', source: 'ephemeral cleanup removed persisted state' };
    }
    if (row.status === 'Stopped' || row.status === 'Crashed') {
      return { status: row.status, source: 'refreshed backend state' };
    }
    if (performance.now() >= deadline) return null;
    await sleep(WAIT_POLL_MS);
  }
}

/** Moves an active sandbox to `Draining`; null when none is active. */
async function beginDraining(target: SandboxTarget): Promise<SandboxRow | null> {
  const row = await refreshTarget(target);
  if (row === null || !isActive(row.status)) return null;
  const catalog = await target.backend.catalog();
  await catalog.write((db) => setSandboxStatus(db, row.id, 'Draining', ['Running']));
  return row;
}

/** Signals the process of the active run; null when there is no run whose process lives. */
async function signalRun(target: SandboxTarget, signal: NodeJS.Signals): Promise<RunRow | null> {
  const run = await target.backend.reading((catalog) => catalog.read((db) => activeRun(db, target.id)));
  if (run === null || run.pid === null || !(await isRunAlive(run))) return null;
  try {
    process.kill(run.pid, signal);
  } catch {
    return null;
  }
  return run;
}

/**
 * Writes down that a killed sandbox has stopped. False while its lock is held: then somebody is still starting
 * or ending it.
 */
async function markStopped(target: SandboxTarget): Promise<boolean> {
  await using lock = await tryFileLock(target.paths.lifecycleLock);
  if (lock === null) return false;
  await removeSocketArtifacts(target);
  const catalog = await target.backend.catalog();
  const { id, ephemeral, paths } = target;
  await catalog.write((db) => {
    const run = activeRun(db, id);
    if (run !== null) finishRun(db, run.id, { reason: 'Signal' });
    setSandboxStatus(db, id, 'Stopped', ['Running', 'Draining']);
  });
  // A killed sandbox cannot remove itself any more.
  if (ephemeral) {
    await rm(paths.dir, { recursive: true, force: true });
    await catalog.write((db) => deleteFinishedEphemeral(db, id));
  }
  return true;
}
