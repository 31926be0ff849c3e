import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { IoError } from '@microsandbox/types';
import type { FsReadStream } from './fs-read-stream.ts';
import { type FsWriteSink, WRITE_WINDOW_BYTES } from './fs-write-sink.ts';

/**
 * Sends one host file to `openSink()`, which is only opened when the file is.
 *
 * @throws IoError
 */
export async function sendHostFile(path: string, openSink: () => Promise<FsWriteSink>): Promise<void> {
  const file = await open(path).catch((error: unknown) => {
    throw ioError(error);
  });
  try {
    if ((await file.stat()).isDirectory()) throw new IoError(`io error: ${path} is a directory`);
    await using sink = await openSink();
    const source = createReadStream('', { fd: file, autoClose: false, highWaterMark: WRITE_WINDOW_BYTES });
    for await (const chunk of hostErrors(source)) await sink.write(chunk);
    await sink.close();
  } finally {
    await file.close();
  }
}

/**
 * Writes a guest file to the host.
 *
 * @throws IoError
 */
export async function receiveHostFile(path: string, stream: FsReadStream): Promise<void> {
  await using source = stream;
  const file = await open(path, 'w').catch((error: unknown) => {
    throw ioError(error);
  });
  try {
    for await (const chunk of source) {
      await file.writeFile(chunk).catch((error: unknown) => {
        throw ioError(error);
      });
    }
  } finally {
    await file.close();
  }
}

async function* hostErrors(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
  try {
    yield* source;
  } catch (error) {
    throw ioError(error);
  }
}

function ioError(error: unknown): IoError {
  return new IoError(`io error: ${(error as Error).message}`, { cause: error });
}
