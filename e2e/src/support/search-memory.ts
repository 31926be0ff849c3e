import { open, readFile } from 'node:fs/promises';

const STEP_BYTES = 8 * 1024 * 1024;

/**
 * Looks for bytes in all memory that a process has mapped: for a monitor, that of its guest too.
 *
 * @returns what was found, by its index in `needles`
 */
export async function searchMemory(pid: number, needles: readonly Buffer[]): Promise<readonly number[]> {
  const found = new Set<number>();
  const overlap = Math.max(...needles.map((needle) => needle.length)) - 1;
  const buffer = Buffer.alloc(STEP_BYTES + overlap);
  await using memory = await open(`/proc/${pid}/mem`, 'r');
  for (const { start, end } of await mappings(pid)) {
    for (let at = start; at < end; at += STEP_BYTES) {
      const length = Math.min(buffer.length, end - at);
      // Pages that cannot be read belong to devices, or to files that became shorter.
      const read = await memory.read(buffer, 0, length, at).catch(() => null);
      if (read === null) continue;
      const bytes = buffer.subarray(0, read.bytesRead);
      for (const [index, needle] of needles.entries()) if (bytes.includes(needle)) found.add(index);
    }
  }
  return [...found].toSorted();
}

async function mappings(pid: number): Promise<{ readonly start: number; readonly end: number }[]> {
  const lines = (await readFile(`/proc/${pid}/maps`, 'utf8')).trimEnd().split('\n');
  return lines.flatMap((line) => {
    const [, start = '', end = '', mode = ''] = /^([\da-f]+)-([\da-f]+) (\S+)/.exec(line) ?? [];
    // The kernel's own page has an address that is no safe number, and no memory.
    const isUsual = mode.startsWith('r') && start.length <= 12;
    return isUsual ? [{ start: Number.parseInt(start, 16), end: Number.parseInt(end, 16) }] : [];
  });
}
