import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { hostFileError } from './host-file-error.ts';

const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;

/** Opens a file for writing from its start: made with mode 0600 or emptied, never through a symbolic link. */
export async function openOutput(path: string): Promise<FileHandle> {
  try {
    return await open(path, FLAGS, 0o600);
  } catch (error) {
    throw hostFileError('write', path, error);
  }
}
