import { ImageError } from '@microsandbox/types';
import { createDirectory, type FileData, type TreeNode } from '../tree/nodes.ts';
import { decodeDeviceNumber } from './device-number.ts';
import { LAYOUT_PLAIN } from './erofs-format.ts';
import type { ErofsImage } from './erofs-image.ts';
import type { StoredInode } from './stored-inode.ts';

/** Linux: PATH_MAX. */
const MAX_TARGET_BYTES = 4096;

/** The tree node of an inode; a directory comes without children, a file's data are a region of the image. */
export async function nodeOfInode(image: ErofsImage, inode: StoredInode): Promise<TreeNode> {
  const { kind, metadata, xattrs, size } = inode;
  switch (kind) {
    case 'directory':
      return createDirectory(metadata, xattrs);
    case 'file':
      return { kind, ...metadata, xattrs, size, data: fileData(image, inode) };
    case 'symlink':
      return { kind, ...metadata, target: await readTarget(image, inode) };
    case 'char-device':
    case 'block-device':
      return { kind, ...metadata, ...decodeDeviceNumber(inode.union) };
    case 'fifo':
    case 'socket':
      return { kind, ...metadata };
  }
}

/** Files of metadata images have their bytes elsewhere. */
function fileData(image: ErofsImage, inode: StoredInode): FileData {
  if (inode.size === 0) return { source: 'memory', bytes: Buffer.alloc(0) };
  if (inode.layout !== LAYOUT_PLAIN) return { source: 'none' };
  const offset = image.dataOffset(inode, 0);
  if (offset + inode.size > image.bytes)
    throw new ImageError(`broken EROFS image ${image.path}: file cut off`);
  return { source: 'region', path: image.path, offset };
}

async function readTarget(image: ErofsImage, inode: StoredInode): Promise<string> {
  if (inode.size > MAX_TARGET_BYTES) {
    throw new ImageError(`broken EROFS image ${image.path}: symbolic link of ${inode.size} bytes`);
  }
  return (await image.data(inode, 0, inode.size)).toString('latin1');
}
