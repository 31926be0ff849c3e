import { readFile } from 'node:fs/promises';
import { processesNaming } from './leftovers.ts';

/** Pid of a sandbox's own process: the parent of its monitor, whose command line names the disk. */
export async function sandboxProcess(home: string, name: string): Promise<number> {
  const [monitor] = await processesNaming(`${home}/sandboxes/${name}/upper.ext4`);
  if (monitor === undefined) throw new Error(`the processes of ${name} were not found`);
  return Number(/^PPid:\s+(\d+)/m.exec(await readFile(`/proc/${monitor}/status`, 'utf8'))?.[1]);
}

/** Memory of a process that is in use, shared with others or not, in mebibytes. */
export async function residentMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024;
}
