import { JavaScriptLayerBuild } from './javascript-layer-build.ts';
import type { LayerBuild, LayerBuildOptions } from './layer-build.ts';
import { layerNatives } from './layer-natives.ts';
import { NativeLayerBuild } from './native-layer-build.ts';

/** Begins a layer in the quickest way there is on this machine. */
export async function beginLayer(options: LayerBuildOptions): Promise<LayerBuild> {
  const natives = await layerNatives();
  return natives === null ? new JavaScriptLayerBuild(options) : new NativeLayerBuild(natives, options);
}
