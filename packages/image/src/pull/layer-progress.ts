import type { CachedImage, PullProgressEvent } from '@microsandbox/types';

/** Bytes between two events of one kind. */
const STEP_BYTES = 256 * 1024;

/** Tells what happens to one layer. */
export class LayerProgress {
  readonly #index: number;
  readonly #layer: CachedImage['layers'][number];
  readonly #emit: (event: PullProgressEvent) => void;
  #reported = 0;

  constructor(
    index: number,
    layer: CachedImage['layers'][number],
    emit: ((event: PullProgressEvent) => void) | undefined,
  ) {
    this.#index = index;
    this.#layer = layer;
    this.#emit = emit ?? (() => undefined);
  }

  downloaded(downloadedBytes: number): void {
    // A download that starts anew goes back to the start.
    if (downloadedBytes < this.#reported) this.#reported = 0;
    const { digest, size_bytes: totalBytes } = this.#layer;
    if (downloadedBytes - this.#reported < STEP_BYTES && downloadedBytes !== totalBytes) return;
    this.#reported = downloadedBytes;
    this.#emit({
      kind: 'layerDownloadProgress',
      layerIndex: this.#index,
      digest,
      downloadedBytes,
      totalBytes,
    });
  }

  downloadComplete(downloadedBytes: number): void {
    const { digest } = this.#layer;
    this.#emit({ kind: 'layerDownloadComplete', layerIndex: this.#index, digest, downloadedBytes });
  }

  /** A mirror sent wrong bytes. */
  sourceRejected(host: string): void {
    const { digest } = this.#layer;
    this.#emit({ kind: 'layerSourceRejected', layerIndex: this.#index, digest, host });
  }

  /** Unpacking has kept up with the download: it begins and is at its end. */
  materializing(bytes: number): void {
    const layerIndex = this.#index;
    this.#emit({ kind: 'layerMaterializeStarted', layerIndex, diffId: this.#layer.diff_id });
    this.#emit({ kind: 'layerMaterializeProgress', layerIndex, bytesRead: bytes, totalBytes: bytes });
  }

  writing(): void {
    this.#emit({ kind: 'layerMaterializeWriting', layerIndex: this.#index });
  }

  /** @returns null, for layers that were there already. */
  complete(): null {
    this.#emit({ kind: 'layerMaterializeComplete', layerIndex: this.#index, diffId: this.#layer.diff_id });
    return null;
  }
}
