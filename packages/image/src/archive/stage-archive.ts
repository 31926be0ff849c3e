import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ImageError } from '@microsandbox/types';
import { BatchWriter } from '../io/batch-writer.ts';
import { hostFileError } from '../io/host-file-error.ts';
import type { Compression } from '../pull/compression.ts';
import { decompress } from '../pull/decompress.ts';

/** A file name, or bytes that come from somewhere, such as standard input. */
export type ArchiveInput = string | AsyncIterable<Uint8Array>;

/** An uncompressed archive in a file; removed with the object when it was made for it. */
export interface StagedArchive extends AsyncDisposable {
  readonly path: string;
  /** What messages call it. */
  readonly name: string;
}

const READ_BYTES = 1024 * 1024;
/** Longest archive after unpacking, bytes: a bomb ends here. */
const MAX_BYTES = 64 * 1024 ** 3;
const MAGIC_BYTES = 4;

/**
 * Brings an archive into a file in which its members can be found. A plain file stays where it is; a packed one (gzip,
 * zstd) and a stream go to a temporary file in `temporaryDir`.
 */
export async function stageArchive(
  input: ArchiveInput,
  temporaryDir: string,
  signal: AbortSignal | undefined,
): Promise<StagedArchive> {
  if (typeof input === 'string') {
    const compression = compressionOf(await firstBytes(input));
    if (compression === 'none')
      return { path: input, name: input, [Symbol.asyncDispose]: async () => undefined };
    const stream = createReadStream(input, { highWaterMark: READ_BYTES });
    return copy(stream, input, temporaryDir, signal);
  }
  return copy(input, 'standard input', temporaryDir, signal);
}

async function copy(
  input: AsyncIterable<Uint8Array>,
  name: string,
  temporaryDir: string,
  signal: AbortSignal | undefined,
): Promise<StagedArchive> {
  const path = join(temporaryDir, `load-${process.pid}-${randomBytes(6).toString('hex')}.blob`);
  const remove = (): Promise<void> => rm(path, { force: true });
  const writer = new BatchWriter(path);
  try {
    const { compression, chunks } = await detect(input);
    try {
      for await (const chunk of decompress(chunks, compression)) {
        signal?.throwIfAborted();
        if (writer.position + chunk.length > MAX_BYTES) throw new ImageError(`${name} is too large`);
        writer.append(chunk);
        await writer.drain();
      }
    } finally {
      await chunks.return();
    }
    if (writer.position === 0) {
      throw new ImageError(`${name} is no archive: it is empty`, {
        hint: 'check the command that was to write the archive',
      });
    }
    await writer.finish();
  } catch (error) {
    await writer.abort();
    await remove();
    throw error;
  }
  return { path, name, [Symbol.asyncDispose]: remove };
}

/** Looks at the first bytes of a stream without losing them. */
async function detect(input: AsyncIterable<Uint8Array>): Promise<{
  readonly compression: Compression;
  readonly chunks: AsyncGenerator<Buffer, void, void>;
}> {
  const iterator = input[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (head.length < MAGIC_BYTES) {
    const { value, done } = await iterator.next();
    if (done) break;
    head = Buffer.concat([head, value]);
  }
  return { compression: compressionOf(head), chunks: withHead(head, iterator) };
}

async function* withHead(head: Buffer, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Buffer, void, void> {
  try {
    if (head.length > 0) yield head;
    for (let next = await rest.next(); !next.done; next = await rest.next()) {
      const { buffer, byteOffset, byteLength } = next.value;
      yield Buffer.from(buffer, byteOffset, byteLength);
    }
  } finally {
    await rest.return?.();
  }
}

async function firstBytes(path: string): Promise<Buffer> {
  try {
    const handle = await open(path);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAGIC_BYTES), 0, MAGIC_BYTES, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw hostFileError('read', path, error);
  }
}

function compressionOf(head: Buffer): Compression {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  return head.subarray(0, MAGIC_BYTES).toString('hex') === '28b52ffd' ? 'zstd' : 'none';
}
