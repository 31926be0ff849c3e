import { InvalidConfigError } from '@microsandbox/types';

/** @throws InvalidConfigError when no image was given */
export function requiredImage(image: string | undefined): string {
  if (image !== undefined) return image;
  throw new InvalidConfigError('missing required sandbox field `image`; provide an image argument', {
    hint: 'for instance: msb run alpine -- echo hello',
  });
}
