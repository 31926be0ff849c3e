import { Image } from 'microsandbox';
import type { ImageSaveOptions } from '../commands/image-save.ts';
import { closedPipe } from '../errors/ending.ts';
import { withSpinner } from '../progress/spinner.ts';

/** `msb save` (spec: cli 7.5). */
export async function saveImages(
  references: readonly string[],
  { format = 'docker', output, quiet }: ImageSaveOptions,
): Promise<number> {
  if (output !== undefined) {
    await withSpinner('Saving', 'Saved', output, { quiet }, () =>
      Image.save(references, { format, outputPath: output }),
    );
    return 0;
  }
  try {
    await Image.saveTo(process.stdout, references, { format });
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'EPIPE' ? closedPipe() : error;
  }
  return 0;
}
