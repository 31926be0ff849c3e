import { readdir, readFile, readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { HomeLayout } from '@microsandbox/utils';

/** A process that has a sandbox. */
export interface SandboxProcess {
  readonly pid: number;
  /** Of the sandbox. */
  readonly name: string;
}

/** The sandbox processes of a home: those of that kind that hold one of its locks. Empty where there is no `/proc`. */
export async function sandboxProcesses(layout: HomeLayout): Promise<SandboxProcess[]> {
  const locks = await realpath(layout.locksDir).catch(() => layout.locksDir);
  const pids = (await readdir('/proc').catch(() => [])).filter((entry) => /^\d+$/.test(entry));
  const found = await Promise.all(
    pids.map(async (pid): Promise<SandboxProcess[]> => {
      const name = sandboxNameIn(await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''));
      if (name === null || !(await hasOpen(pid, join(locks, '/')))) return [];
      return [{ pid: Number(pid), name }];
    }),
  );
  return found.flat();
}

/** The sandbox that a command line names: a process has its arguments until it has given itself a title. */
function sandboxNameIn(commandLine: string): string | null {
  const argv = commandLine.split('\0');
  if (argv.some((argument) => argument.endsWith('/sandbox-process.cjs'))) {
    return argv[argv.indexOf('--name') + 1] ?? '?';
  }
  return /^microsandbox (.+)$/.exec(argv[0] ?? '')?.[1] ?? null;
}

/** Whether a process has a file below a folder open. */
async function hasOpen(pid: string, folder: string): Promise<boolean> {
  const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
  for (const descriptor of descriptors) {
    const path = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '');
    if (path.startsWith(folder)) return true;
  }
  return false;
}
