import { readFile } from 'node:fs/promises';

/** User and kernel time are told in hundredths of a second on every Linux that Node runs on. */
const NS_PER_TICK = 10_000_000;

/**
 * Time that threads of a process ran, in nanoseconds; without threads, that of the whole process. Undefined where
 * there is no `/proc` or the process is gone.
 */
export async function processorTimeNs(
  pid: number,
  threadIds: readonly number[],
): Promise<number | undefined> {
  try {
    if (threadIds.length === 0) return parseStat(await readFile(`/proc/${pid}/stat`, 'latin1'));
    const times = await Promise.all(
      threadIds.map((id) => readFile(`/proc/${pid}/task/${id}/schedstat`, 'latin1')),
    );
    return times.reduce((total, text) => total + (Number.parseInt(text, 10) || 0), 0);
  } catch {
    return undefined;
  }
}

/** Memory of a process that is in RAM, in bytes, pages that it shares with others included. */
export async function residentBytes(pid: number): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => '');
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  return kib === undefined ? undefined : Number(kib) * 1024;
}

/** Bytes that a process moved from and to storage; zeros where that is not told. */
export async function storageBytes(pid: number): Promise<{ readonly read: number; readonly write: number }> {
  const io = await readFile(`/proc/${pid}/io`, 'latin1').catch(() => '');
  const field = (name: string) => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(io)?.[1] ?? 0);
  return { read: field('read_bytes'), write: field('write_bytes') };
}

/** User and kernel time of `/proc/<pid>/stat`, where the name in parentheses may hold anything. */
function parseStat(stat: string): number | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  return Number.isFinite(ticks) ? ticks * NS_PER_TICK : undefined;
}
