import { ImageRepository } from '@microsandbox/db';
import type { CachedImage } from '@microsandbox/types';
import type { LocalBackend } from '../backend/local-backend.ts';

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** What images are chosen for on this machine, in OCI's words. */
export function hostPlatform(): { readonly architecture: string; readonly os: 'linux' } {
  return { architecture: ARCHITECTURES[process.arch] ?? process.arch, os: 'linux' };
}

/** Records an image under the reference that was typed. */
export async function recordImage(
  backend: LocalBackend,
  reference: string,
  image: CachedImage,
): Promise<void> {
  await new ImageRepository(await backend.catalog()).persist(reference, image, hostPlatform());
}
