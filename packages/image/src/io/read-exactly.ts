import type { FileHandle } from 'node:fs/promises';
import { ImageError } from '@microsandbox/types';
import { hostFileError } from './host-file-error.ts';

/** Fills `target` from a file at `position`. A file that ends before is an error. */
export async function readExactly(
  handle: FileHandle,
  path: string,
  target: Uint8Array,
  position: number,
): Promise<void> {
  for (let done = 0; done < target.length; ) {
    const { bytesRead } = await handle
      .read(target, done, target.length - done, position + done)
      .catch((error: unknown) => {
        throw hostFileError('read', path, error);
      });
    if (bytesRead === 0) {
      throw new ImageError(`cannot read ${path}: it ends at byte ${position + done}, before its data does`);
    }
    done += bytesRead;
  }
}
