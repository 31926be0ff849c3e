import { constants } from 'node:fs';
import { copyFile, type FileHandle, open, rm } from 'node:fs/promises';

const CHUNK_BYTES = 1 << 20;
const BLOCK_BYTES = 4096;
const ZERO_BLOCK = Buffer.alloc(BLOCK_BYTES);

/**
 * Copies a file that may be full of holes into a new file: by sharing blocks where the file system can, else
 * by writing only the blocks that hold something. The copy is readable as soon as the promise resolves; it is
 * not synced. A failed copy is removed.
 *
 * @throws a system error; EEXIST when the destination exists
 */
export async function sparseCopy(source: string, destination: string): Promise<void> {
  try {
    await copyFile(source, destination, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
    return;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' || code === 'ENOENT') throw error;
  }
  const input = await open(source, 'r');
  try {
    const output = await open(destination, 'wx', (await input.stat()).mode & 0o777);
    try {
      await copyData(input, output);
    } catch (error) {
      await rm(destination, { force: true });
      throw error;
    } finally {
      await output.close();
    }
  } finally {
    await input.close();
  }
}

async function copyData(input: FileHandle, output: FileHandle): Promise<void> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  let position = 0;
  for (;;) {
    const { bytesRead } = await input.read(buffer, 0, CHUNK_BYTES, position);
    if (bytesRead === 0) break;
    await writeNonZero(output, buffer.subarray(0, bytesRead), position);
    position += bytesRead;
  }
  await output.truncate(position);
}

/** Writes the runs of blocks that are not all zero, each with one call. */
async function writeNonZero(output: FileHandle, chunk: Buffer, position: number): Promise<void> {
  let runStart: number | null = null;
  for (let at = 0; at < chunk.length; at += BLOCK_BYTES) {
    const block = chunk.subarray(at, at + BLOCK_BYTES);
    const isZero = block.equals(ZERO_BLOCK.subarray(0, block.length));
    if (isZero && runStart !== null) {
      await writeFully(output, chunk.subarray(runStart, at), position + runStart);
      runStart = null;
    } else if (!isZero && runStart === null) {
      runStart = at;
    }
  }
  if (runStart !== null) await writeFully(output, chunk.subarray(runStart), position + runStart);
}

async function writeFully(output: FileHandle, data: Buffer, position: number): Promise<void> {
  for (let done = 0; done < data.length; ) {
    const { bytesWritten } = await output.write(data, done, data.length - done, position + done);
    done += bytesWritten;
  }
}
