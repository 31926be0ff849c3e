import { readErofsLayer } from '../erofs/read-erofs-layer.ts';
import { writeFsmeta } from '../erofs/write-fsmeta.ts';
import { mergeLayers } from '../tree/merge-layers.ts';
import type { BuiltLayer, LayerWithMap, NativelyBuiltLayer } from './layer-build.ts';
import { layerNatives } from './layer-natives.ts';
import { nativeLayerError } from './native-layer-error.ts';

/** A layer of an image. One that occurs twice is the same object both times. */
export interface ImageLayer {
  /** Its EROFS image. */
  readonly path: string;
  /** Set when it has just been built; else it is read from its image. */
  readonly built: BuiltLayer | undefined;
}

/**
 * Merges the layers of an image, bottom first, and writes the image of their metadata to `path`, created or overwritten:
 * natively where all layers have just been built so.
 */
export async function writeMergedImage(
  layers: readonly ImageLayer[],
  path: string,
  signal?: AbortSignal,
): Promise<void> {
  const natives = await layerNatives();
  const native = layers.map(({ built }) => built).filter(isNative);
  if (natives === null || native.length < layers.length) return writeInJavaScript(layers, path, signal);
  const stack = natives.layerStack();
  for (const layer of native) stack.add(layer.native);
  const failure = await stack.writeFsmeta(path);
  if (failure !== null) throw nativeLayerError(failure);
}

async function writeInJavaScript(
  layers: readonly ImageLayer[],
  path: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const read = new Map<ImageLayer, LayerWithMap>();
  for (const layer of new Set(layers)) {
    const { built } = layer;
    read.set(layer, built === undefined || isNative(built) ? await readErofsLayer(layer.path) : built);
  }
  const known = layers.map((layer) => read.get(layer) as LayerWithMap);
  const merged = mergeLayers(known.map(({ tree }) => tree));
  const input = { merged, layers: known.map(({ dataMap }) => dataMap) };
  await writeFsmeta(input, path, { ...(signal && { signal }) });
}

function isNative(built: BuiltLayer | undefined): built is NativelyBuiltLayer {
  return built !== undefined && 'native' in built;
}
