import { formatBytes } from '@microsandbox/utils';
import { Image } from 'microsandbox';
import type { ImageListOptions } from '../commands/image.ts';
import { paintOut } from '../output/colour.ts';
import { renderJson } from '../output/json.ts';
import { renderTable } from '../output/table.ts';
import { localTimestamp } from '../output/timestamp.ts';
import { writeErr, writeOut } from '../output/write.ts';
import { imageJson, shortDigest } from './image-format.ts';

/** `msb image list` (spec: cli 7.2). */
export async function listImages(options: ImageListOptions): Promise<number> {
  const images = await Image.list();
  if (options.format === 'json') {
    writeOut(renderJson(images.map(imageJson)));
  } else if (options.quiet) {
    writeOut(images.map(({ reference }) => `${reference}\n`).join(''));
  } else if (images.length === 0) {
    writeErr('No images found.\n');
  } else {
    const rows = images.map((image) => [
      image.reference,
      shortDigest(image.manifestDigest),
      image.sizeBytes === null ? '-' : formatBytes(image.sizeBytes),
      localTimestamp(image.createdAt),
    ]);
    writeOut(renderTable(['REFERENCE', 'DIGEST', 'SIZE', 'CREATED'], rows, paintOut));
  }
  return 0;
}
