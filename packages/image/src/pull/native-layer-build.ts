import type { LayerNatives, NativeLayer } from '@microsandbox/native';
import { releaseBuffer } from '../io/release-buffer.ts';
import type { LayerBuild, LayerBuildOptions, NativelyBuiltLayer } from './layer-build.ts';
import { nativeLayerError } from './native-layer-error.ts';

/** Builds a layer in threads of its own: this one only hands over what arrives. */
export class NativeLayerBuild implements LayerBuild {
  readonly #layer: NativeLayer;
  readonly #signal: AbortSignal | undefined;

  constructor(natives: LayerNatives, { compression, spoolPath, limits, signal }: LayerBuildOptions) {
    this.#layer = natives.beginLayer(compression, spoolPath, limits);
    this.#signal = signal;
  }

  async read(source: AsyncIterator<Buffer, void, void>): Promise<string> {
    try {
      for (;;) {
        const next = await source.next();
        if (next.done) break;
        const hasRoom = this.#layer.push(next.value);
        releaseBuffer(next.value);
        if (!hasRoom && !(await this.#layer.ready())) break;
        this.#signal?.throwIfAborted();
      }
    } catch (error) {
      this.#layer.cancel();
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
}
