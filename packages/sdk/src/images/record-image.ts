import { ImageRepository } from '@microsandbox/db';
import type { CachedImage } from '@microsandbox/types';
import type { LocalBackend } from '../backend/local-backend.ts';

/** Records an image under the reference that was typed. */
export async function recordImage(
  backend: LocalBackend,
  reference: string,
  image: CachedImage,
): Promise<void> {
  const { hostPlatform } = await import('@microsandbox/image');
  await new ImageRepository(await backend.catalog()).persist(reference, image, hostPlatform());
}
