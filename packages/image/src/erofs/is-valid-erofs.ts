import { MicrosandboxError } from '@microsandbox/types';
import { ErofsImage } from './erofs-image.ts';

/**
 * Whether `path` is a whole EROFS image: a cache hit. It looks at the superblock, the length and the root
 * directory's inode, not at data. False also when the file is absent or can't be read.
 */
export async function isValidErofs(path: string): Promise<boolean> {
  try {
    const image = await ErofsImage.open(path);
    try {
      return (await image.inode(image.rootNid)).kind === 'directory';
    } finally {
      await image.close();
    }
  } catch (error) {
    if (error instanceof MicrosandboxError) return false;
    throw error;
  }
}
