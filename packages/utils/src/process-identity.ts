import { readFile } from 'node:fs/promises';
import { uptime } from 'node:os';
import { promisify } from 'node:util';

/** Clock ticks a second in `/proc`; fixed in the kernel's interface to user space. */
const TICKS_PER_SECOND = 100n;

/** States in `/proc/<pid>/stat` of a process that runs no more. */
const DEAD_STATES = new Set(['Z', 'X', 'x']);

/**
 * When a process started, in an unit of the system's own (Linux: clock ticks since boot; elsewhere:
 * milliseconds since 1970). With the pid it identifies a process; a reused pid has another start time.
 *
 * @returns null when no such process runs
 */
export async function processStartTime(pid: number): Promise<bigint | null> {
  if (!isPlausiblePid(pid)) return null;
  if (process.platform === 'linux') return (await readStat(pid))?.startTicks ?? null;
  const startedAt = await startOfPs(pid);
  return startedAt === null ? null : BigInt(startedAt);
}

/**
 * When a process started, as milliseconds since 1970 (to about a second), or null when it does not run. Lets a
 * recorded pid be checked against the time of its record.
 */
export async function processStartedAt(pid: number): Promise<number | null> {
  if (!isPlausiblePid(pid)) return null;
  if (process.platform !== 'linux') return startOfPs(pid);
  const stat = await readStat(pid);
  if (stat === null) return null;
  const bootedAt = Date.now() - uptime() * 1000;
  return Math.round(bootedAt + Number((stat.startTicks * 1000n) / TICKS_PER_SECOND));
}

/**
 * Whether a process runs. A zombie is dead. With `startTime` (of {@link processStartTime}) a process that
 * merely reuses the pid does not count.
 */
export async function isProcessAlive(pid: number, startTime?: bigint | null): Promise<boolean> {
  if (!isPlausiblePid(pid)) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  if (process.platform === 'linux') {
    const stat = await readStat(pid);
    if (stat === null || DEAD_STATES.has(stat.state)) return false;
    return startTime === undefined || startTime === null || stat.startTicks === startTime;
  }
  const actual = await processStartTime(pid);
  return actual !== null && (startTime === undefined || startTime === null || actual === startTime);
}

function isPlausiblePid(pid: number): boolean {
  return Number.isInteger(pid) && pid > 0;
}

/** Fields 3 and 22 of `/proc/<pid>/stat`; the name in field 2 may hold blanks and brackets. */
async function readStat(pid: number): Promise<{ state: string; startTicks: bigint } | null> {
  let text: string;
  try {
    text = await readFile(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  const startTicks = fields[19];
  return state === undefined || startTicks === undefined ? null : { state, startTicks: BigInt(startTicks) };
}

/** Start of a process by `ps`, where there is no `/proc`. Zombies give null. */
async function startOfPs(pid: number): Promise<number | null> {
  const { execFile } = await import('node:child_process');
  try {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
      env: { LC_ALL: 'C', PATH: '/bin:/usr/bin' },
      timeout: 5000,
    });
    const [, state = 'Z', started = ''] = /^\s*(\S+)\s+(.*\S)\s*$/.exec(stdout) ?? [];
    const time = Date.parse(started);
    return state.startsWith('Z') || Number.isNaN(time) ? null : time;
  } catch {
    return null;
  }
}
