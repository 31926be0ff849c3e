import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Loaded before a program's own code: at its end it writes down the most memory that it ever had, in KiB. */
const PRELOAD = `
process.on('exit', () => {
  require('node:fs').writeFileSync(process.env.PEAK_MEMORY_FILE, String(process.resourceUsage().maxRSS));
});
`;

/** Peaks of the memory of Node programs, measured by the programs themselves. */
export interface PeakMemory {
  /** Runs `work` with an environment for one program; the program's peak in mebibytes. */
  of(work: (env: NodeJS.ProcessEnv) => Promise<unknown>): Promise<number>;
}

/** Keeps its files in `folder`. */
export async function measurePeakMemory(folder: string, env: NodeJS.ProcessEnv): Promise<PeakMemory> {
  const preload = join(folder, 'peak-memory.cjs');
  const file = join(folder, 'peak-memory');
  await writeFile(preload, PRELOAD);
  return {
    async of(work) {
      await work({ ...env, NODE_OPTIONS: `--require ${preload}`, PEAK_MEMORY_FILE: file });
      return Number(await readFile(file, 'utf8')) / 1024;
    },
  };
}

/** The most memory that a running process ever had, in mebibytes. */
export async function peakMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}
