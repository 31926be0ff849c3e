import { materializeFlat } from '../flat/materialize-flat.ts';
import type { Platform } from '../registry/platform.ts';
import type { Materialization } from './pull-options.ts';
import { type StitchOptions, stitchImage } from './stitch-image.ts';

export interface AssembleOptions extends StitchOptions {
  readonly platform: Platform;
  readonly materialization: Materialization;
}

/** Makes of layers that are all there what was asked for: the joined disk, the flat image, or both. */
export async function assembleImage(options: AssembleOptions): Promise<void> {
  const { layout, image, platform, materialization, force, signal } = options;
  if (materialization !== 'flat') await stitchImage(options);
  if (materialization !== 'layered') await materializeFlat({ layout, image, platform, force, signal });
}
