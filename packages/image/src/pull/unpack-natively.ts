import { getSystemErrorMessage, getSystemErrorName } from 'node:util';
import type {
  LayerNatives,
  NativeLayerFailure,
  NativeLayerOutput,
  NativeLayerUnpacker,
} from '@microsandbox/native';
import { ImageError } from '@microsandbox/types';
import { hostFileError } from '../io/host-file-error.ts';
import { releaseBuffer } from '../io/release-buffer.ts';
import { CondensedArchive } from '../tar/condensed-archive.ts';
import type { Compression } from './compression.ts';
import type { UnpackedLayer } from './unpacked-layer.ts';

/** Bytes that are unpacked with one call. */
const BATCH_BYTES = 512 * 1024;

export interface UnpackNativelyOptions {
  readonly natives: LayerNatives;
  readonly compression: Compression;
  /** File for the bodies of the layer's files; made when first needed, removed by the caller. */
  readonly bodiesPath: string;
}

/**
 * Unpacks a layer in the thread pool: while one batch is being decompressed, hashed and stripped of the bodies of its
 * files, the next one is taken from `source`. Chunks of `source` are let go of as soon as they are unpacked.
 */
export function unpackNatively(
  source: AsyncIterator<Buffer, void, void>,
  { natives, compression, bodiesPath }: UnpackNativelyOptions,
): UnpackedLayer {
  let digest: string | undefined;
  async function* pieces(): AsyncGenerator<CondensedArchive, void, void> {
    const unpacker = natives.unpackLayer(compression, bodiesPath);
    try {
      let batch = await gather(source);
      while (batch.length > 0) {
        const following = gather(source);
        // Waited for below; until then a failure is nobody's.
        following.catch(() => undefined);
        yield* unpack(unpacker, batch, bodiesPath);
        batch.forEach(releaseBuffer);
        batch = await following;
      }
      const rest = await unpacker.finish();
      yield* condensed(rest, bodiesPath);
      digest = rest.sha256;
    } finally {
      // Its thread must not make the file after the caller has removed it.
      await unpacker.finish();
    }
  }
  return { pieces: pieces(), digest: () => `sha256:${digest}` };
}

/** Everything that comes of one batch, in pieces of bounded size. */
async function* unpack(
  unpacker: NativeLayerUnpacker,
  batch: Buffer[],
  bodiesPath: string,
): AsyncGenerator<CondensedArchive, void, void> {
  for (let input = batch; ; input = []) {
    const output = await unpacker.push(input);
    yield* condensed(output, bodiesPath);
    if (!output.more) return;
  }
}

/** What a call brought, and then how it failed. */
function* condensed(
  { bytes, runs, failure }: NativeLayerOutput,
  bodiesPath: string,
): Generator<CondensedArchive, void, void> {
  if (runs.length > 0) yield new CondensedArchive(bytes, runs, bodiesPath);
  if (failure !== undefined) throw unpackError(failure, bodiesPath);
}

/** The next chunks of a source, enough for one call; none at its end. */
async function gather(source: AsyncIterator<Buffer, void, void>): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  for (let bytes = 0; bytes < BATCH_BYTES; ) {
    const next = await source.next();
    if (next.done) break;
    chunks.push(next.value);
    bytes += next.value.length;
  }
  return chunks;
}

function unpackError({ message, errno }: NativeLayerFailure, path: string): Error {
  if (errno === undefined) return new ImageError(message);
  const code = errno === 0 ? undefined : getSystemErrorName(-errno);
  const reason = code === undefined ? message : `${code}: ${getSystemErrorMessage(-errno)}, write`;
  return hostFileError('write', path, Object.assign(new Error(reason), { code }));
}
