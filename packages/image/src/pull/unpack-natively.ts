import { getSystemErrorMessage, getSystemErrorName } from 'node:util';
import type { LayerNatives, NativeLayerFailure, NativeLayerOutput } from '@microsandbox/native';
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
 * files, the reader has what came of the one before, and the next is taken from `source`. Chunks of `source` are let go
 * of as soon as they are unpacked.
 */
export function unpackNatively(
  source: AsyncIterator<Buffer, void, void>,
  { natives, compression, bodiesPath }: UnpackNativelyOptions,
): UnpackedLayer {
  let digest: string | undefined;
  async function* pieces(): AsyncGenerator<CondensedArchive, void, void> {
    const unpacker = natives.unpackLayer(compression, bodiesPath);
    let call: Promise<NativeLayerOutput> | undefined;
    let batch: Buffer[] = [];
    let following = new Gathering(source);
    // What came of the last call, which the reader gets while the next one is under way.
    let output: NativeLayerOutput | undefined;
    try {
      for (;;) {
        if (output?.more) {
          call = unpacker.push([]);
        } else {
          if (output !== undefined && (!following.isThere || output.failure !== undefined)) {
            yield* condensed(output, bodiesPath);
            output = undefined;
          }
          batch = await following.batch;
          if (batch.length === 0) break;
          following = new Gathering(source);
          call = unpacker.push(batch);
        }
        // Waited for below; until then a failure is nobody's.
        call.catch(() => undefined);
        if (output !== undefined) yield* condensed(output, bodiesPath);
        output = await call;
        batch.forEach(releaseBuffer);
      }
      call = unpacker.finish();
      call.catch(() => undefined);
      if (output !== undefined) yield* condensed(output, bodiesPath);
      const rest = await call;
      yield* condensed(rest, bodiesPath);
      digest = rest.sha256;
    } finally {
      // Its thread must not make the file after the caller has removed it.
      await call?.catch(() => undefined);
      await unpacker.finish();
    }
  }
  return { pieces: pieces(), digest: () => `sha256:${digest}` };
}

/** A batch on its way from a source. */
class Gathering {
  readonly batch: Promise<Buffer[]>;
  isThere = false;

  constructor(source: AsyncIterator<Buffer, void, void>) {
    this.batch = gather(source);
    this.batch.then(
      () => {
        this.isThere = true;
      },
      // A failure is whose who waits for the batch.
      () => undefined,
    );
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
