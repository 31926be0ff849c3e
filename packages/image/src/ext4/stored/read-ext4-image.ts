import { checkLegacyLayout } from './check-legacy-layout.ts';
import { checkResizeInode } from './check-resize-inode.ts';
import type { Ext4File } from './ext4-file.ts';
import { readDescriptors } from './stored-descriptors.ts';
import { readSuperblock, type StoredSuperblock } from './stored-superblock.ts';
import { unsupportedImage } from './unsupported-image.ts';

/** A clean image whose layout is known down to the groups. */
export interface Ext4Image {
  readonly superblock: StoredSuperblock;
  /** All group descriptors, 64 bytes each. */
  readonly descriptors: Buffer;
  /** The resize inode's double-indirect block; null in images of releases up to 0.6.8. */
  readonly resizeBlock: number | null;
}

const ORPHAN_HINT =
  'files were deleted while a program still used them when the machine stopped: start the sandbox once, which ' +
  'finishes that, stop it and try again';

/**
 * Reads and checks superblock, descriptors and resize inode.
 *
 * @throws {ImageError} `unsupported ext4 image: …` for everything that is not exactly this formatter's, is damaged,
 * or has a journal to be replayed.
 */
export async function readExt4Image(file: Ext4File): Promise<Ext4Image> {
  const superblock = await readSuperblock(file);
  if (superblock.needsRecovery) throw unsupportedImage('journal recovery is needed');
  if (superblock.hasOrphans) {
    throw unsupportedImage('filesystem has a pending orphan inode list', ORPHAN_HINT);
  }
  const descriptors = await readDescriptors(file, superblock);
  if (superblock.layout === 'legacy') {
    await checkLegacyLayout(file, superblock);
    return { superblock, descriptors, resizeBlock: null };
  }
  const { geometry, seed } = superblock;
  return { superblock, descriptors, resizeBlock: await checkResizeInode(file, geometry, seed) };
}
