import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { ImageError } from '@microsandbox/types';
import { errnoOf } from '@microsandbox/utils';
import { hostFileError } from '../io/host-file-error.ts';
import type { LayoutFiles } from './layout-files.ts';

const READ_BYTES = 1024 * 1024;

/** Files of a layout in a folder, which somebody else may have made. */
export class DirectoryFiles implements LayoutFiles {
  readonly name: string;

  constructor(directory: string) {
    this.name = directory;
  }

  async readSmall(path: string, limitBytes: number): Promise<Buffer> {
    const full = join(this.name, path);
    const handle = await openRegular(full);
    try {
      const { size } = await handle.stat();
      if (size > limitBytes) throw new ImageError(`${full} has more than ${limitBytes} bytes`);
      return await handle.readFile();
    } finally {
      await handle.close();
    }
  }

  async *read(
    path: string,
    offset: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Buffer, void, void> {
    const full = join(this.name, path);
    const handle = await openRegular(full);
    try {
      for (let at = offset; ; ) {
        signal?.throwIfAborted();
        const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
        const { bytesRead } = await handle.read(buffer, 0, READ_BYTES, at).catch((error: unknown) => {
          throw hostFileError('read', full, error);
        });
        if (bytesRead === 0) return;
        at += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await handle.close();
    }
  }
}

/** Never waits for the other end of a pipe. */
async function openRegular(path: string): Promise<FileHandle> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const code = errnoOf(error);
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw hostFileError('read', path, error);
    throw new ImageError(`no image in OCI layout: ${path} is missing`, {
      cause: error,
      hint: 'name a folder with the files oci-layout and index.json and the folder blobs',
    });
  }
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw new ImageError(`${path} is not a regular file`);
}
