import { fsError } from './fs-error.ts';

/** Most bytes that {@link collectChunks} keeps in memory. */
const MAX_COLLECTED_FILE_BYTES = 2 ** 31;

/** What hands out a file piece by piece, null at its end. */
interface ChunkSource extends AsyncDisposable {
  recv(): Promise<Uint8Array | null>;
}

/** The pieces of a file from here on; leaving the loop does not close it. */
export async function* chunksOf(source: ChunkSource): AsyncGenerator<Uint8Array, void, void> {
  for (;;) {
    const chunk = await source.recv();
    if (chunk === null) return;
    yield chunk;
  }
}

/**
 * Everything from here to the end; closes what is too large.
 *
 * @throws SandboxFsOpsError when that is more than fits in memory
 */
export async function collectChunks(source: ChunkSource): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunksOf(source)) {
    size += chunk.length;
    if (size > MAX_COLLECTED_FILE_BYTES) {
      await source[Symbol.asyncDispose]();
      throw fsError('file too large to be read at once', { hint: 'read it piece by piece, with readStream' });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
