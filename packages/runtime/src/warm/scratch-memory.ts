import { randomBytes } from 'node:crypto';
import { open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';

const MEMORY_FOLDER = '/dev/shm';

/** A file that is a guest's memory for a while. */
export interface ScratchMemory extends AsyncDisposable {
  /** Name under which a monitor can open it, until {@link hide}. */
  readonly path: string;
  /** Name under which this process can read it, always. */
  readonly contentPath: string;
  /** Takes the name away: what nobody has open any more is gone, however this process ends. */
  hide(): Promise<void>;
}

/**
 * Makes the file in which a guest runs that shares its memory. Where it can, it lies in memory itself: on a disk
 * each page that the guest touches for the first time costs a transaction of the file system.
 *
 * @param folder used where there is no room in memory
 */
export async function scratchMemory(folder: string, bytes: number): Promise<ScratchMemory> {
  const inMemory = await statfs(MEMORY_FOLDER).then(
    (info) => info.bavail * info.bsize > bytes,
    () => false,
  );
  const path = join(inMemory ? MEMORY_FOLDER : folder, `microsandbox-${randomBytes(8).toString('hex')}`);
  const file = await open(path, 'wx+', 0o600);
  const hide = () => rm(path, { force: true });
  try {
    await file.truncate(bytes);
  } catch (error) {
    await hide();
    await file.close();
    throw error;
  }
  return {
    path,
    contentPath: `/proc/self/fd/${file.fd}`,
    hide,
    async [Symbol.asyncDispose]() {
      await hide();
      await file.close();
    },
  };
}
