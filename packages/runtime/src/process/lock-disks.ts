import { access, realpath } from 'node:fs/promises';
import { CustomError, type LaunchConfig } from '@microsandbox/types';
import { type FileLock, tryFileLock } from '@microsandbox/utils';
import { parseDiskSpec } from './vm-plan.ts';

/** Kept, because a lock ends with the file that carries it. */
const held = new Set<FileLock>();

/**
 * Takes the disks that other sandboxes might have too: many may read one, and only one may write it (spec: state 21).
 * The locks last as long as this process.
 *
 * @throws CustomError when a disk is taken
 */
export async function lockDisks({ disks }: Pick<LaunchConfig, 'disks'>): Promise<FileLock[]> {
  const locks: FileLock[] = [];
  try {
    for (const { path, readOnly } of disks.map(parseDiskSpec)) {
      await access(path);
      const lock = await tryFileLock(await realpath(path), readOnly ? 'shared' : 'exclusive');
      if (lock === null) throw taken(path);
      locks.push(lock);
    }
    for (const lock of locks) held.add(lock);
    return locks;
  } catch (error) {
    for (const lock of locks) await lock.release();
    throw error;
  }
}

function taken(path: string): CustomError {
  const volume = /\/volumes\/([^/]+)\/disk\.raw$/.exec(path)?.[1];
  const what = volume === undefined ? `disk image "${path}"` : `volume "${volume}"`;
  return new CustomError(`mount: ${what} is already attached with an incompatible disk mode`, {
    hint: 'stop the sandbox that has it, or mount it read-only in both',
  });
}
