import { open, rename } from 'node:fs/promises';
import { hostFileError } from '../io/host-file-error.ts';

/**
 * Gives a complete file its name. Its bytes are on the disk before: after a crash the name stands for all of it or for
 * nothing. The folder is not synced; a lost name only means that the file is made again.
 */
export async function publishFile(temporary: string, path: string): Promise<void> {
  try {
    const handle = await open(temporary, 'r');
    try {
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    throw hostFileError('write', path, error);
  }
}
