import { readFile, realpath, stat } from 'node:fs/promises';
import type { CachedImage } from '@microsandbox/types';
import { errnoOf } from '@microsandbox/utils';
import { isValidErofs } from '../erofs/is-valid-erofs.ts';
import { hostFileError } from '../io/host-file-error.ts';
import { type VmdkExtent, vmdkDescriptor } from '../vmdk/vmdk-descriptor.ts';
import type { CacheLayout } from './cache-layout.ts';

/** The files that a virtual machine needs of an image. */
export interface ImageFiles {
  readonly vmdkPath: string;
  readonly fsmetaPath: string;
  /** Bottom first; a layer that occurs twice is listed twice. */
  readonly layerPaths: readonly string[];
}

export function imageFiles(layout: CacheLayout, image: CachedImage): ImageFiles {
  return {
    vmdkPath: layout.vmdk(image.manifest_digest),
    fsmetaPath: layout.fsmeta(image.manifest_digest),
    layerPaths: image.layers.map(({ diff_id }) => layout.layer(diff_id)),
  };
}

/** Whether all layers of an image are there and whole. */
export async function hasAllLayers({ layerPaths }: ImageFiles): Promise<boolean> {
  for (const path of new Set(layerPaths)) if (!(await isValidErofs(path))) return false;
  return true;
}

/** Whether everything of an image is there and whole. */
export async function isComplete(files: ImageFiles): Promise<boolean> {
  return (await isValidErofs(files.fsmetaPath)) && (await hasAllLayers(files)) && (await hasRightVmdk(files));
}

/**
 * The text that an image's descriptor must have. It names the files by their real paths, so it changes when the
 * cache moves.
 */
export async function expectedVmdk({ fsmetaPath, layerPaths }: ImageFiles): Promise<string> {
  const extents: VmdkExtent[] = [];
  for (const path of [fsmetaPath, ...layerPaths]) {
    try {
      extents.push({ path: await realpath(path), bytes: (await stat(path)).size });
    } catch (error) {
      throw hostFileError('read', path, error);
    }
  }
  return vmdkDescriptor(extents);
}

/** Whether the descriptor is there and names the files where they are now. All files must be there. */
async function hasRightVmdk(files: ImageFiles): Promise<boolean> {
  const expected = await expectedVmdk(files);
  try {
    return (await readFile(files.vmdkPath, 'utf8')) === expected;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw hostFileError('read', files.vmdkPath, error);
  }
}
