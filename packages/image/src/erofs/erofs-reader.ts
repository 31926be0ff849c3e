import { ImageError } from '@microsandbox/types';
import type { TreeNode } from '../tree/nodes.ts';
import { quotePath } from '../tree/quote-path.ts';
import { DirectoryWalk } from './directory-walk.ts';
import type { ErofsExtent } from './erofs-data-map.ts';
import { ErofsImage } from './erofs-image.ts';
import { nodeOfInode } from './node-of-inode.ts';
import type { StoredEntry } from './parse-directory-block.ts';
import type { StoredInode } from './stored-inode.ts';

/** One entry of an image. */
export interface ErofsEntry {
  /** Path from the root without a leading slash, latin1; empty for the root. */
  readonly path: string;
  /** A directory comes without children. */
  readonly node: TreeNode;
  /** Number of the inode; names with the same one are hard links. */
  readonly nid: number;
}

/** Linux: PATH_MAX; also bounds the depth of a walk. */
const MAX_PATH_BYTES = 4096;

const READ_BYTES = 1024 * 1024;

/**
 * Reads layer images. Paths are latin1 strings, with or without a leading slash; symbolic links are not followed.
 *
 * @example
 * await using reader = await ErofsReader.open('layer.erofs');
 * for await (const { path, node } of reader.walk()) console.log(node.kind, path);
 */
export class ErofsReader implements AsyncDisposable {
  readonly #image: ErofsImage;

  private constructor(image: ErofsImage) {
    this.#image = image;
  }

  /**
   * @throws {ImageError} when the file is absent or no whole EROFS image.
   */
  static async open(path: string): Promise<ErofsReader> {
    return new ErofsReader(await ErofsImage.open(path));
  }

  /** The entry at a path, or null when there is none. */
  async lookup(path: string): Promise<ErofsEntry | null> {
    const inode = await this.#find(path);
    return inode === null ? null : this.#entry(trimSlashes(path), inode);
  }

  /** All bytes of a regular file. */
  async readFile(path: string): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const part of this.readChunks(path)) parts.push(part);
    return Buffer.concat(parts);
  }

  /** The bytes of a regular file, piece by piece. */
  async *readChunks(path: string): AsyncGenerator<Buffer> {
    const inode = await this.#findKind(path, 'file');
    for (let start = 0; start < inode.size; start += READ_BYTES) {
      yield await this.#image.data(inode, start, Math.min(READ_BYTES, inode.size - start));
    }
  }

  /** Target bytes of a symbolic link. */
  async readLink(path: string): Promise<Buffer> {
    const { node } = await this.#entry(path, await this.#findKind(path, 'symlink'));
    return Buffer.from(node.kind === 'symlink' ? node.target : '', 'latin1');
  }

  /** Where the bytes of a regular file are in the image. */
  async fileExtent(path: string): Promise<ErofsExtent> {
    const inode = await this.#findKind(path, 'file');
    return { startBlock: inode.union, size: inode.size };
  }

  /** All entries in stored order, a directory before its children; the root first. */
  async *walk(): AsyncGenerator<ErofsEntry> {
    const root = await this.#image.inode(this.#image.rootNid);
    yield await this.#entry('', root);
    const walk = new DirectoryWalk(this.#image);
    const stack = [{ path: '', entries: walk.list(root) }];
    for (let directory = stack.at(-1); directory !== undefined; directory = stack.at(-1)) {
      const { value, done } = await directory.entries.next();
      if (done === true) {
        stack.pop();
        continue;
      }
      const path = directory.path === '' ? value.name : `${directory.path}/${value.name}`;
      if (path.length > MAX_PATH_BYTES) throw new ImageError(`path too long: ${quotePath(path)}`);
      const inode = await this.#image.inode(value.nid);
      yield await this.#entry(path, inode);
      if (inode.kind === 'directory') stack.push({ path, entries: walk.list(inode) });
    }
  }

  close(): Promise<void> {
    return this.#image.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #entry(path: string, inode: StoredInode): Promise<ErofsEntry> {
    return { path, nid: inode.nid, node: await nodeOfInode(this.#image, inode) };
  }

  async #findKind(path: string, kind: TreeNode['kind']): Promise<StoredInode> {
    const inode = await this.#find(path);
    if (inode === null) throw new ImageError(`not found in ${this.#image.path}: ${quotePath(path)}`);
    if (inode.kind !== kind) throw new ImageError(`not a ${kind}: ${quotePath(path)} is a ${inode.kind}`);
    return inode;
  }

  async #find(path: string): Promise<StoredInode | null> {
    let inode = await this.#image.inode(this.#image.rootNid);
    for (const name of path.split('/').filter((part) => part !== '')) {
      if (inode.kind !== 'directory' || name === '.' || name === '..') return null;
      const nid = await this.#findName(inode, name);
      if (nid === null) return null;
      inode = await this.#image.inode(nid);
    }
    return inode;
  }

  /** Binary search over the blocks of a directory: names are in byte order across all of them. */
  async #findName(directory: StoredInode, name: string): Promise<number | null> {
    let low = 0;
    let high = this.#image.directoryBlocks(directory);
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entries = await this.#image.directoryBlock(directory, middle);
      if (name < (entries[0] as StoredEntry).name) high = middle;
      else if (name > (entries.at(-1) as StoredEntry).name) low = middle + 1;
      else return entries.find((entry) => entry.name === name)?.nid ?? null;
    }
    return null;
  }
}

function trimSlashes(path: string): string {
  return path.replace(/^\/+|\/+$/g, '');
}
