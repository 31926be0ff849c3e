import { readFile } from 'node:fs/promises';

/** Pid of a process's parent, which must not have ended. */
export async function parentOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const parent = Number(/^PPid:\s+(\d+)$/m.exec(status)?.[1]);
  if (!(parent > 1)) throw new Error(`process ${pid} has lost its parent`);
  return parent;
}
