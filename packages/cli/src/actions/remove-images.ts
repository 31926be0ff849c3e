import { Image } from 'microsandbox';
import type { ImageRemoveOptions } from '../commands/image.ts';
import { printError } from '../errors/notice.ts';
import { renderError } from '../errors/render-error.ts';
import { withSpinner } from '../progress/spinner.ts';

/** `msb image remove` (spec: cli 7.6). */
export async function removeImages(
  references: readonly string[],
  options: ImageRemoveOptions,
): Promise<number> {
  let failures = 0;
  for (const reference of references) {
    try {
      await withSpinner('Removing', 'Removed', reference, options, () =>
        Image.remove(reference, { force: options.force ?? false }),
      );
    } catch (error) {
      failures += 1;
      renderError(error);
    }
  }
  if (failures > 0) printError('some images failed to remove');
  return failures === 0 ? 0 : 1;
}
