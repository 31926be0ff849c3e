import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { FileData } from '../tree/nodes.ts';
import { patchFailed } from './patch-failed.ts';

/** Files up to this size are read at once, bytes. Files without a size, such as those of /proc, too. */
const SMALL_BYTES = 64 * 1024;

/** Sum of what is kept in memory; later files are read when the disk is written. */
const MEMORY_BYTES = 16 * 1024 * 1024;

/** A regular file of the host. */
export interface HostFile {
  readonly data: FileData;
  readonly size: number;
  /** Permission bits; 0644 for a file without any. */
  readonly mode: number;
}

/** Takes over files of the host, small ones at once, large ones by name. */
export class HostSource {
  #memoryLeft = MEMORY_BYTES;

  /**
   * @param path Bytes, where it need not be text.
   * @throws {PatchFailedError} when it cannot be read or is no regular file.
   */
  async file(path: string | Buffer): Promise<HostFile> {
    const shown = path.toString();
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
      throw cannotRead(shown, error);
    });
    try {
      const stats = await handle.stat();
      if (!stats.isFile()) throw patchFailed(`patch source is not a regular file: ${shown}`);
      const mode = stats.mode & 0o7777 || 0o644;
      const bytes = stats.size <= SMALL_BYTES && this.#memoryLeft > 0 ? await readSmall(handle, shown) : null;
      if (bytes !== null) {
        this.#memoryLeft -= bytes.length;
        return { data: { source: 'memory', bytes }, size: bytes.length, mode };
      }
      const name = resolve(shown);
      if (typeof path !== 'string' && !Buffer.from(shown).equals(path)) {
        throw patchFailed(`cannot copy ${name}: its name is not UTF-8`);
      }
      return { data: { source: 'region', path: name, offset: 0 }, size: stats.size, mode };
    } finally {
      await handle.close();
    }
  }
}

/** The error for something of the host that cannot be read. */
export function cannotRead(path: string, cause: unknown): Error {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return patchFailed(`cannot read ${path}: ${reason}`, { cause });
}

/** All bytes of a file, or null when there are too many. */
async function readSmall(handle: FileHandle, path: string): Promise<Buffer | null> {
  const buffer = Buffer.allocUnsafe(SMALL_BYTES + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await handle
      .read(buffer, length, buffer.length - length, length)
      .catch((error: unknown) => {
        throw cannotRead(path, error);
      });
    if (bytesRead === 0) return Buffer.from(buffer.subarray(0, length));
    length += bytesRead;
    if (length === buffer.length) return null;
  }
}
