import { readFile } from 'node:fs/promises';

/**
 * How many processes the kernel has ended for want of memory since the host started, in control groups too; null where
 * it does not tell (`oom_kill` in `/proc/vmstat`, since Linux 4.13).
 */
export async function oomKills(): Promise<number | null> {
  const counters = await readFile('/proc/vmstat', 'utf8').catch(() => '');
  const count = /^oom_kill (\d+)$/m.exec(counters)?.[1];
  return count === undefined ? null : Number(count);
}
