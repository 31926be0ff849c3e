import { JavaScriptLayerBuild } from '../src/pull/javascript-layer-build.ts';
import type { LayerBuild, LayerBuildOptions } from '../src/pull/layer-build.ts';
import { layerNatives } from '../src/pull/layer-natives.ts';
import { NativeLayerBuild } from '../src/pull/native-layer-build.ts';

/** A way to build layers. */
export interface LayerWay {
  readonly name: string;
  readonly begin: (options: LayerBuildOptions) => LayerBuild;
}

const natives = await layerNatives();

/** Why the native way cannot be tested here, or null. */
export const noNativeWay: string | null = natives === null ? 'the native addon is not built' : null;

if (noNativeWay !== null) console.error(`SKIPPED for native layers: ${noNativeWay}`);

/** The native way; null where there is no addon. */
export const nativeWay: LayerWay | null =
  natives === null ? null : { name: 'native', begin: (options) => new NativeLayerBuild(natives, options) };

/** All ways there are here; whatever holds for one holds for the others. */
export const layerWays: readonly LayerWay[] = [
  { name: 'JavaScript', begin: (options) => new JavaScriptLayerBuild(options) },
  ...(nativeWay === null ? [] : [nativeWay]),
];
