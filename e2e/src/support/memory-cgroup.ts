import { existsSync } from 'node:fs';
import { mkdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const ROOT = '/sys/fs/cgroup';

/** A control group whose processes may use only so much memory. */
export interface MemoryCgroup {
  /** File that takes the pid of who is to join. */
  readonly processes: string;
  remove(): Promise<void>;
}

/** Makes a control group, of version 2 or 1. @returns why there can be none, where that is so */
export async function makeMemoryCgroup(limitBytes: number): Promise<MemoryCgroup | string> {
  const isVersion2 = existsSync(join(ROOT, 'cgroup.controllers'));
  const folder = join(ROOT, isVersion2 ? '' : 'memory', `msb-test-${process.pid}`);
  const limit = join(folder, isVersion2 ? 'memory.max' : 'memory.limit_in_bytes');
  try {
    await mkdir(folder);
  } catch (error) {
    return `no control group can be made: ${(error as Error).message}`;
  }
  try {
    await writeFile(limit, String(limitBytes), { flag: 'r+' });
    // What is swapped out counts for nothing, so there must not be any.
    const swap = join(folder, 'memory.swap.max');
    if (existsSync(swap)) await writeFile(swap, '0');
  } catch (error) {
    await rmdir(folder);
    return `control groups here do not limit memory: ${(error as Error).message}`;
  }
  // Processes that were killed leave their group a moment after they are gone.
  const remove = async (triesLeft = 200): Promise<void> => {
    try {
      await rmdir(folder);
    } catch (error) {
      if (triesLeft === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
      await remove(triesLeft - 1);
    }
  };
  return { processes: join(folder, 'cgroup.procs'), remove: () => remove() };
}
