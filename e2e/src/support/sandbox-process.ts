import { readFile } from 'node:fs/promises';
import { processesNaming } from './leftovers.ts';

/** Pid of a sandbox's own process, beside its monitor, whose command line names the disk. */
export async function sandboxProcess(home: string, name: string): Promise<number> {
  const [monitor] = await processesNaming(`${home}/sandboxes/${name}/upper.ext4`);
  const [keeper, ...others] = (await processesNaming(`microsandbox ${name}`)).filter(
    (pid) => pid !== monitor,
  );
  if (monitor === undefined || keeper === undefined || others.length > 0) {
    throw new Error(`the processes of ${name} were not found`);
  }
  return keeper;
}

/** Memory of a process that is in use, shared with others or not, in mebibytes. */
export async function residentMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024;
}
