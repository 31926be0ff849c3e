import { ImageError } from '@microsandbox/types';
import type { DirectoryNode, FileNode, LayerTree, TreeNode } from '../tree/nodes.ts';
import { DirectoryWalk } from './directory-walk.ts';
import type { ErofsDataMap, ErofsExtent } from './erofs-data-map.ts';
import { LAYOUT_PLAIN } from './erofs-format.ts';
import { ErofsImage } from './erofs-image.ts';
import { nodeOfInode } from './node-of-inode.ts';
import type { StoredInode } from './stored-inode.ts';

/** A layer's tree whose files point into its image, and the image's data map. */
export interface ErofsLayer {
  readonly tree: LayerTree;
  readonly dataMap: ErofsDataMap;
}

/**
 * Reads the metadata of a layer image back.
 *
 * @throws {ImageError} when the image is broken or is not one that {@link writeErofs} could have written.
 */
export async function readErofsLayer(path: string): Promise<ErofsLayer> {
  const image = await ErofsImage.open(path);
  try {
    return await new LayerReader(image).read();
  } finally {
    await image.close();
  }
}

class LayerReader {
  readonly #image: ErofsImage;
  readonly #extents = new Map<FileNode, ErofsExtent>();
  /** By NID, so that hard links become one node again. */
  readonly #files = new Map<number, FileNode>();

  constructor(image: ErofsImage) {
    this.#image = image;
  }

  async read(): Promise<ErofsLayer> {
    const rootInode = await this.#image.inode(this.#image.rootNid);
    const root = await this.#node(rootInode);
    if (root.kind !== 'directory') throw this.#broken('the root is no directory');
    const walk = new DirectoryWalk(this.#image);
    const stack: { readonly inode: StoredInode; readonly node: DirectoryNode }[] = [
      { inode: rootInode, node: root },
    ];
    for (let directory = stack.pop(); directory !== undefined; directory = stack.pop()) {
      for await (const { name, nid } of walk.list(directory.inode)) {
        const known = this.#files.get(nid);
        const inode = known === undefined ? await this.#image.inode(nid) : undefined;
        const node = inode === undefined ? (known as FileNode) : await this.#node(inode);
        directory.node.children.set(name, node);
        if (node.kind === 'directory' && inode !== undefined) stack.push({ inode, node });
      }
    }
    return { tree: { root }, dataMap: { totalBlocks: this.#image.totalBlocks, extents: this.#extents } };
  }

  async #node(inode: StoredInode): Promise<TreeNode> {
    const node = await nodeOfInode(this.#image, inode);
    if (node.kind === 'file') {
      // Only files in whole blocks can be addressed by a metadata image.
      if (inode.layout !== LAYOUT_PLAIN) throw this.#broken('a file that is not in whole blocks');
      this.#files.set(inode.nid, node);
      this.#extents.set(node, { startBlock: inode.union, size: inode.size });
    }
    return node;
  }

  #broken(reason: string): ImageError {
    return new ImageError(`broken EROFS image ${this.#image.path}: ${reason}`);
  }
}
