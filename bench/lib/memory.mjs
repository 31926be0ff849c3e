import { readdir, readFile } from 'node:fs/promises';

/**
 * Proportional set size of the processes of a home, in MiB: virtual machines and sandbox processes apart. What
 * several of them share counts for each with its part.
 *
 * @param {string} home
 * @param {(command: string) => boolean} isSandboxProcess tells by the command line
 * @returns {Promise<{ vmm: number, process: number }>}
 */
export async function proportionalSetSizes(home, isSandboxProcess) {
  const sums = { vmm: 0, process: 0 };
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '');
    const isMachine = command.includes('qemu-system') && command.includes(home);
    if (!isMachine && !isSandboxProcess(command)) continue;
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'latin1').catch(() => '');
    sums[isMachine ? 'vmm' : 'process'] += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0) / 1024;
  }
  return sums;
}
