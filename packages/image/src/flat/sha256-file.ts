import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { hostFileError } from '../io/host-file-error.ts';

/** Bytes that are hashed at once; a fraction of a millisecond. */
const STEP_BYTES = 256 * 1024;

/** `sha256:<hex>` of a whole file. */
export async function sha256File(path: string, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256');
  try {
    const handle = await open(path);
    try {
      const stream = handle.createReadStream({ highWaterMark: STEP_BYTES, autoClose: false });
      for await (const chunk of stream) {
        signal?.throwIfAborted();
        hash.update(chunk as Buffer);
      }
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw hostFileError('read', path, error);
  }
  return `sha256:${hash.digest('hex')}`;
}
