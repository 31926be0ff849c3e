import type { LayerNatives, NativeLayer } from '@microsandbox/native';
import { releaseBuffer } from '../io/release-buffer.ts';
import type { LayerBuild, LayerBuildOptions, NativelyBuiltLayer } from './layer-build.ts';
import { nativeLayerError } from './native-layer-error.ts';

/** Bytes that are unpacked with one call. */
const BATCH_BYTES = 256 * 1024;

/** Builds a layer in the thread pool: this thread only hands over what arrives, and lets go of it when it is unpacked. */
export class NativeLayerBuild implements LayerBuild {
  readonly #layer: NativeLayer;
  readonly #signal: AbortSignal | undefined;

  constructor(natives: LayerNatives, { compression, spoolPath, limits, signal }: LayerBuildOptions) {
    this.#layer = natives.beginLayer(compression, spoolPath, limits);
    this.#signal = signal;
  }

  async read(source: AsyncIterator<Buffer, void, void>): Promise<string> {
    try {
      for (let next = gather(source); ; ) {
        const batch = await next;
        if (batch.length === 0) break;
        // The next batch arrives while this one is being unpacked; a failure of its is told when it is waited for.
        next = gather(source);
        next.catch(() => undefined);
        await this.#push(batch);
        batch.forEach(releaseBuffer);
      }
    } catch (error) {
      // Its thread must not make the spool file after the caller has removed it.
      await this.#layer.finish();
      throw error;
    }
    const { sha256, failure } = await this.#layer.finish();
    if (failure !== undefined) throw nativeLayerError(failure);
    return `sha256:${sha256}`;
  }

  async write(path: string): Promise<NativelyBuiltLayer> {
    this.#signal?.throwIfAborted();
    const cancel = (): void => this.#layer.cancel();
    this.#signal?.addEventListener('abort', cancel);
    const failure = await this.#layer.write(path);
    this.#signal?.removeEventListener('abort', cancel);
    if (failure?.cancelled) this.#signal?.throwIfAborted();
    if (failure !== null) throw nativeLayerError(failure);
    return { native: this.#layer };
  }

  async #push(batch: readonly Buffer[]): Promise<void> {
    for (let pieces = batch; ; pieces = []) {
      this.#signal?.throwIfAborted();
      const { more, failure } = await this.#layer.push(pieces);
      if (failure !== undefined) throw nativeLayerError(failure);
      if (!more) break;
    }
  }
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
