import { ImageError } from '@microsandbox/types';

const HINT = 'only disks that microsandbox made, and that are not damaged, can be used; make the disk anew';

/** The error for an image that is not exactly as this formatter (or Linux after it) would have left it. */
export function unsupportedImage(reason: string, hint = HINT): ImageError {
  return new ImageError(`unsupported ext4 image: ${reason}`, { hint });
}
