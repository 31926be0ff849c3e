import { ImageRepository } from '@microsandbox/db';
import type { Platform } from '@microsandbox/image';
import type { CachedImage } from '@microsandbox/types';
import type { LocalBackend } from '../backend/local-backend.ts';

/** Records an image under the reference that was typed; for this machine's platform when none is given. */
export async function recordImage(
  backend: LocalBackend,
  reference: string,
  image: CachedImage,
  platform?: Platform,
): Promise<void> {
  const { hostPlatform } = await import('@microsandbox/image/lookup');
  await new ImageRepository(await backend.catalog()).persist(reference, image, platform ?? hostPlatform());
}
