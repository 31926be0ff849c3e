import { lstat, readdir, rm, rmdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type HomeLayout, sandboxPaths } from '@microsandbox/utils';
import { allSandboxes, type ListedSandbox } from '../actions/all-sandboxes.ts';
import { machineIsUp } from '../actions/machine-is-up.ts';
import type { HostCheck } from './host-check.ts';
import { type SandboxProcess, sandboxProcesses } from './sandbox-processes.ts';

const PROBE_TIMEOUT_MS = 500;
/** What a start or an end under way may take until the catalog says so. */
const SETTLE_MS = 3000;
/** A socket that is younger may belong to a start that has not said so yet. */
const YOUNG_MS = 10_000;

/** What ended sandboxes may have left. Reading the list puts right what the catalog says about them. */
export async function leftoverChecks(layout: HomeLayout): Promise<HostCheck[]> {
  const sandboxes = await allSandboxes().catch(() => []);
  const running = sandboxes.filter(machineIsUp);
  return [
    { name: 'sandboxes', status: 'ok', value: `${sandboxes.length}, of which ${running.length} run` },
    await processes(layout, running),
    await sockets(layout, running),
  ];
}

async function processes(layout: HomeLayout, running: readonly ListedSandbox[]): Promise<HostCheck> {
  const name = 'processes';
  const all = await sandboxProcesses(layout);
  const left = await ownedByNone(layout, all, running);
  if (left.length === 0)
    return { name, status: 'ok', value: `${all.length} sandbox processes, none left over` };
  return {
    name,
    status: 'warning',
    value: left.map((found) => `${found.pid} of ${found.name}`).join(', '),
    hint: `no running sandbox owns them; end them: kill ${left.map(({ pid }) => pid).join(' ')}`,
  };
}

/** A process may be about to end, or its sandbox about to be called running, so those in question are looked at twice. */
async function ownedByNone(
  layout: HomeLayout,
  all: readonly SandboxProcess[],
  running: readonly ListedSandbox[],
): Promise<SandboxProcess[]> {
  const withoutOwner = (sandboxes: readonly ListedSandbox[], processes: readonly SandboxProcess[]) => {
    const names = new Set(sandboxes.map(({ name }) => name));
    return processes.filter(({ name }) => !names.has(name));
  };
  const suspects = withoutOwner(running, all);
  if (suspects.length === 0) return [];
  await delay(SETTLE_MS);
  const alive = new Set((await sandboxProcesses(layout)).map(({ pid }) => pid));
  const nowRunning = (await allSandboxes().catch(() => [])).filter(machineIsUp);
  return withoutOwner(
    nowRunning,
    suspects.filter(({ pid }) => alive.has(pid)),
  );
}

async function sockets(layout: HomeLayout, running: readonly ListedSandbox[]): Promise<HostCheck> {
  const name = 'sockets';
  const owned = new Set(running.map((sandbox) => sandboxPaths(layout, sandbox.name).socketDir));
  const folder = join(layout.runDir, 'sandboxes');
  const folders = (await readdir(folder).catch(() => [])).map((entry) => join(folder, entry));
  const stale: string[] = [];
  for (const path of folders) if (!owned.has(path) && (await isStale(path))) stale.push(path);
  if (stale.length === 0) return { name, status: 'ok', value: `${folders.length} in use` };
  return {
    name,
    status: 'warning',
    value: `${stale.length} that nobody answers at`,
    hint: 'remove them: msb doctor --fix',
    fix: async () => {
      for (const path of stale) await removeSockets(path);
      return `removed ${stale.length}`;
    },
  };
}

async function isStale(folder: string): Promise<boolean> {
  const entry = await lstat(folder).catch(() => null);
  if (entry === null || !entry.isDirectory() || Date.now() - entry.mtimeMs < YOUNG_MS) return false;
  return !(await answers(join(folder, 'agent.sock')));
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const finish = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(PROBE_TIMEOUT_MS, () => finish(true));
    socket.once('connect', () => finish(true));
    socket.once('error', () => finish(false));
  });
}

/** Only sockets go, and the folder when nothing else is in it. */
async function removeSockets(folder: string): Promise<void> {
  for (const entry of await readdir(folder)) {
    const path = join(folder, entry);
    if ((await lstat(path)).isSocket()) await rm(path, { force: true });
  }
  await rmdir(folder).catch(() => {});
}
