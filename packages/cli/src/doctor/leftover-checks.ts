import { lstat, readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type HomeLayout, sandboxPaths } from '@microsandbox/utils';
import { allSandboxes, type ListedSandbox } from '../actions/all-sandboxes.ts';
import type { HostCheck } from './host-check.ts';

const PROBE_TIMEOUT_MS = 500;
/** A socket that is younger may belong to a start that has not said so yet. */
const YOUNG_MS = 10_000;

/** What ended sandboxes may have left. Reading the list puts right what the catalog says about them. */
export async function leftoverChecks(layout: HomeLayout): Promise<HostCheck[]> {
  const sandboxes = await allSandboxes().catch(() => []);
  const running = sandboxes.filter(({ status }) => status === 'running' || status === 'draining');
  return [
    { name: 'sandboxes', status: 'ok', value: `${sandboxes.length}, of which ${running.length} run` },
    await processes(layout, running),
    await sockets(layout, running),
  ];
}

async function processes(layout: HomeLayout, running: readonly ListedSandbox[]): Promise<HostCheck> {
  const name = 'processes';
  const names = new Set(running.map((sandbox) => sandbox.name));
  const all = await sandboxProcesses(layout.cacheDir);
  const left = all.filter((found) => !names.has(found.name));
  if (left.length === 0)
    return { name, status: 'ok', value: `${all.length} sandbox processes, none left over` };
  return {
    name,
    status: 'warning',
    value: left.map((found) => `${found.pid} of ${found.name}`).join(', '),
    hint: `no running sandbox owns them; end them: kill ${left.map(({ pid }) => pid).join(' ')}`,
  };
}

/** Sandbox processes of one home, by their command lines. */
async function sandboxProcesses(
  cacheDir: string,
): Promise<{ readonly pid: number; readonly name: string }[]> {
  const pids = (await readdir('/proc').catch(() => [])).filter((entry) => /^\d+$/.test(entry));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const argv = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
      const after = (flag: string) => argv[argv.indexOf(flag) + 1];
      const isOurs = argv.some((argument) => argument.endsWith('/sandbox-process.cjs'));
      return isOurs && after('--cache-dir') === cacheDir
        ? [{ pid: Number(pid), name: after('--name') ?? '?' }]
        : [];
    }),
  );
  return found.flat();
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
