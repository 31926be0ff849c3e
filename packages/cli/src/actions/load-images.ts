import { basename } from 'node:path';
import { Image, type ImageHandle } from 'microsandbox';
import type { ImageLoadOptions } from '../commands/image-load.ts';
import { succeeded } from '../progress/action-line.ts';
import { CreateDisplay } from '../progress/create-display.ts';

/** `msb load` (spec: cli 7.4). */
export async function loadImages(options: ImageLoadOptions): Promise<number> {
  const { input, tag = [], quiet } = options;
  const label = tag[0] ?? (input === undefined ? 'archive' : basename(input));
  let loaded: ImageHandle[];
  {
    using display = CreateDisplay.ofLoad(label, options);
    loaded = await Image.load(input ?? process.stdin, { tag, onProgress: display.onPull });
  }
  if (!quiet) for (const { reference } of loaded) succeeded('Loaded', reference);
  return 0;
}
