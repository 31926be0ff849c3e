import type { RegistryAccess } from '../pull/pull-options.ts';
import { HttpRegistry } from './http-registry.ts';
import { MirroredRegistry } from './mirrored-registry.ts';
import type { Registry } from './registry.ts';

/**
 * The registry that an image is asked of, with its mirrors before it.
 *
 * @throws {InvalidConfigError} when a certificate or key cannot be used.
 */
export function openRegistry(access: RegistryAccess = {}): Registry {
  const { mirrors = [], auth, ...common } = access;
  const origin = new HttpRegistry({ ...common, ...(auth && { auth }) });
  if (mirrors.length === 0) return origin;
  // Patience is for the last of them.
  const ofMirror = mirrors.map((mirror) => ({
    host: mirror.host,
    registry: new HttpRegistry({ ...common, maxRetries: 0, ...(mirror.auth && { auth: mirror.auth }) }),
  }));
  return new MirroredRegistry(origin, ofMirror);
}
