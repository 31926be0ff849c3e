import type { SandboxConfigRecord } from '@microsandbox/types';

/**
 * Applies a new sandbox's patches to the folder of the host that is its root (spec: state 11, step 6); nothing to do for
 * other roots.
 *
 * @throws {PatchFailedError} when one of them cannot be applied.
 */
export async function patchBoundRoot(
  { image, patches }: SandboxConfigRecord,
  signal?: AbortSignal,
): Promise<void> {
  if (!('Bind' in image) || patches.length === 0) return;
  const { parseStoredPatches, patchFolder } = await import('@microsandbox/image');
  await patchFolder({ folder: image.Bind.path, patches: parseStoredPatches(patches), signal });
}
