import type { FileHandle } from 'node:fs/promises';
import { hostFileError } from '../io/host-file-error.ts';

/** Writes all of `bytes` at `position`. */
export async function writeFully(
  handle: FileHandle,
  path: string,
  bytes: Uint8Array,
  position: number,
): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle
      .write(bytes, done, bytes.length - done, position + done)
      .catch((error: unknown) => {
        throw hostFileError('write', path, error);
      });
    done += bytesWritten;
  }
}
