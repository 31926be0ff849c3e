import { Image } from 'microsandbox';
import type { ImageTagOptions } from '../commands/image-tag.ts';
import { succeeded } from '../progress/action-line.ts';

/** `msb image tag`. */
export async function tagImage(source: string, target: string, options: ImageTagOptions): Promise<number> {
  await Image.tag(source, target);
  if (!options.quiet) succeeded('Tagged', target);
  return 0;
}
