import { freeBytes } from '../files/free-bytes.ts';

/** With less than this nothing of a start can be written: no log, no record, no page of a disk. */
export const NO_SPACE_BYTES = 64 * 1024;

/**
 * Refuses to start a guest on a full disk. It would come up and lose what it writes.
 *
 * @throws Error with code `ENOSPC`
 */
export async function assertRoom(folder: string): Promise<void> {
  const free = await freeBytes(folder);
  if (free === undefined || free >= NO_SPACE_BYTES) return;
  throw Object.assign(new Error(`no space left on the disk that holds ${folder}`), { code: 'ENOSPC' });
}
