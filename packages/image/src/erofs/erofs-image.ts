import { ImageError } from '@microsandbox/types';
import { NO_XATTRS } from '../tree/nodes.ts';
import { decodeInode } from './decode-inode.ts';
import { NO_BLOCK } from './erofs-data-map.ts';
import {
  BLOCK_BYTES,
  INODE_BYTES,
  LAYOUT_CHUNKS,
  LAYOUT_INLINE,
  SLOT_BYTES,
  SUPERBLOCK_MAGIC,
  SUPERBLOCK_OFFSET,
} from './erofs-format.ts';
import { ImageFile } from './image-file.ts';
import { parseXattrs } from './inline-xattrs.ts';
import { parseDirectoryBlock, type StoredEntry } from './parse-directory-block.ts';
import type { StoredInode } from './stored-inode.ts';
import { superblockChecksum } from './superblock.ts';

/** An image's parts as they are stored: superblock, inodes, directory blocks, data. Trusts nothing that it reads. */
export class ErofsImage {
  readonly path: string;
  /** Length. */
  readonly bytes: number;
  /** Length in blocks. */
  readonly totalBlocks: number;
  readonly rootNid: number;
  readonly #file: ImageFile;
  readonly #metadataBlock: number;

  private constructor(file: ImageFile, superblock: Buffer) {
    this.path = file.path;
    this.#file = file;
    this.bytes = file.size;
    this.totalBlocks = file.size / BLOCK_BYTES;
    this.rootNid = superblock.readUInt16LE(0x0e);
    this.#metadataBlock = superblock.readUInt32LE(0x28);
  }

  /**
   * @throws {ImageError} when the file can't be read, is cut off, or its superblock is not that of a whole image.
   */
  static async open(path: string): Promise<ErofsImage> {
    const file = await ImageFile.open(path);
    try {
      const reason = await defect(file);
      if (reason !== null) throw new ImageError(`not a valid EROFS image: ${path}: ${reason}`);
      return new ErofsImage(file, (await file.read(0, BLOCK_BYTES)).subarray(SUPERBLOCK_OFFSET));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async inode(nid: number): Promise<StoredInode> {
    const offset = this.#metadataBlock * BLOCK_BYTES + nid * SLOT_BYTES;
    const { xattrBytes, ...inode } = decodeInode(await this.#file.read(offset, INODE_BYTES));
    const inlineOffset = offset + INODE_BYTES + xattrBytes;
    const xattrs =
      xattrBytes === 0 ? NO_XATTRS : parseXattrs(await this.#file.read(offset + INODE_BYTES, xattrBytes));
    if (inode.layout !== LAYOUT_CHUNKS && inode.size > this.#file.size) {
      throw new ImageError(`broken EROFS image ${this.path}: inode ${nid} is larger than the image`);
    }
    return { nid, ...inode, xattrs, inlineOffset };
  }

  /** Number of blocks, whole or not, of a directory. */
  directoryBlocks(inode: StoredInode): number {
    return Math.ceil(inode.size / BLOCK_BYTES);
  }

  async directoryBlock(inode: StoredInode, index: number): Promise<StoredEntry[]> {
    const start = index * BLOCK_BYTES;
    return parseDirectoryBlock(await this.data(inode, start, Math.min(BLOCK_BYTES, inode.size - start)));
  }

  /**
   * Bytes of a file, link or directory. Only inside whole blocks or the tail, not across them, unless the inode
   * has no inline data.
   */
  data(inode: StoredInode, start: number, length: number): Promise<Buffer> {
    return this.#file.read(this.dataOffset(inode, start), length);
  }

  /** Where byte `start` of an inode's data is in the image. */
  dataOffset(inode: StoredInode, start: number): number {
    if (inode.layout === LAYOUT_CHUNKS) throw new ImageError(`unsupported data layout: ${inode.layout}`);
    const wholeBlocks = inode.size - (inode.size % BLOCK_BYTES);
    if (inode.layout === LAYOUT_INLINE && start >= wholeBlocks)
      return inode.inlineOffset + start - wholeBlocks;
    if (inode.union === NO_BLOCK && inode.size > 0) {
      throw new ImageError(`broken EROFS image ${this.path}: inode ${inode.nid} has no data`);
    }
    return inode.union * BLOCK_BYTES + start;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** Why a file is not a whole image, or null. */
async function defect(file: ImageFile): Promise<string | null> {
  if (file.size === 0 || file.size % BLOCK_BYTES !== 0) return `its length is ${file.size}`;
  const block = await file.read(0, BLOCK_BYTES);
  const superblock = block.subarray(SUPERBLOCK_OFFSET);
  if (superblock.readUInt32LE(0x00) !== SUPERBLOCK_MAGIC) return 'no magic number';
  if (superblock.readUInt32LE(0x04) !== superblockChecksum(block)) return 'wrong checksum';
  if (superblock.readUInt32LE(0x24) * BLOCK_BYTES !== file.size) return 'cut off';
  return null;
}
