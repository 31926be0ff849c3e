import { posix } from 'node:path';
import { invalidConfig } from './invalid-config.ts';

/**
 * Checks a mount point in the guest and returns it without `.`, doubled or trailing slashes.
 *
 * @throws InvalidConfigError
 */
export function normalizeGuestPath(path: string): string {
  if (!path.startsWith('/')) throw invalidConfig(`guest mount path must be absolute: ${path}`);
  if (path.split('/').includes('..')) throw invalidConfig(`guest mount path must not contain '..': ${path}`);
  const normal = posix.normalize(path).replace(/(?<=.)\/$/, '');
  if (normal === '/') throw invalidConfig('cannot mount a volume at guest root /');
  if (/[:;,]/.test(normal))
    throw invalidConfig(`guest mount path must not contain ':', ';', or ',': ${path}`);
  return normal;
}
