import type { NativeLayer } from '@microsandbox/native';
import type { ErofsDataMap } from '../erofs/erofs-data-map.ts';
import type { LayerLimits } from '../tar/layer-limits.ts';
import type { LayerTree } from '../tree/nodes.ts';
import type { Compression } from './compression.ts';

/** A layer on its way to an EROFS image. There are two ways, natively and in JavaScript, which come to the same. */
export interface LayerBuild {
  /**
   * Unpacks the layer's stream, reads it to its end, and returns the digest of the unpacked archive, `sha256:...`. To be
   * called once.
   *
   * @throws {ImageError} when the archive is broken or asks for more than the limits allow.
   */
  read(source: AsyncIterator<Buffer, void, void>): Promise<string>;
  /** Writes the image of what was read to `path`, created or overwritten. To be called once. */
  write(path: string): Promise<BuiltLayer>;
}

export interface LayerBuildOptions {
  readonly compression: Compression;
  /** File for bodies of the layer's files; made when first needed, removed by the caller. */
  readonly spoolPath: string;
  readonly limits: LayerLimits;
  readonly signal?: AbortSignal | undefined;
}

/** A layer whose image is written, as it is needed to merge it: without the content of its files. */
export type BuiltLayer = NativelyBuiltLayer | LayerWithMap;

export interface NativelyBuiltLayer {
  readonly native: NativeLayer;
}

export interface LayerWithMap {
  readonly tree: LayerTree;
  readonly dataMap: ErofsDataMap;
}
