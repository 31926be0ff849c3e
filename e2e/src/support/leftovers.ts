import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';

/** Pids of processes whose command line names `needle`. */
export async function processesNaming(needle: string): Promise<number[]> {
  const pids: number[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) continue;
    const line = await readFile(`/proc/${entry}/cmdline`, 'latin1').catch(() => '');
    if (line.includes(needle)) pids.push(Number(entry));
  }
  return pids;
}

/**
 * Waits until no process of a home is left. A warm-boot template may still be in the making after the command that
 * started it; it ends by itself.
 */
export async function expectNoProcessOf(home: string): Promise<void> {
  await expect.poll(() => processesNaming(home), { timeout: 60_000, interval: 200 }).toEqual([]);
}

/** Paths below `folder` whose name contains one of the given texts. */
export async function pathsNaming(folder: string, ...texts: string[]): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true });
  return entries
    .filter((path) => texts.some((text) => path.includes(text)))
    .map((path) => join(folder, path));
}
