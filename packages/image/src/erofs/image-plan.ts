import type { DirectoryNode, FileNode, TreeNode } from '../tree/nodes.ts';
import { directoryBytes } from './directory-blocks.ts';
import { NO_BLOCK } from './erofs-data-map.ts';
import {
  alignUp,
  BLOCK_BYTES,
  CHUNK_INDEX_BYTES,
  INODE_BYTES,
  LAYOUT_CHUNKS,
  LAYOUT_INLINE,
  LAYOUT_PLAIN,
  SLOT_BYTES,
} from './erofs-format.ts';
import { xattrBodyBytes } from './inline-xattrs.ts';

/** An inode with its place in the image. */
export interface PlannedInode {
  readonly node: TreeNode;
  readonly nid: number;
  readonly layout: number;
  /** `i_size`. */
  readonly size: number;
  readonly xattrBytes: number;
  /** Bytes in the metadata area: a multiple of the slot size. */
  readonly metadataBytes: number;
  /** First data block, counted from the start of the data area, or {@link NO_BLOCK}. */
  readonly dataBlock: number;
  readonly dataBlocks: number;
  links: number;
  /** Names of a directory (sorted, `.` and `..` among them) and the inodes that they name; else null. */
  readonly listing: { readonly names: readonly string[]; readonly inodes: PlannedInode[] } | null;
}

/** Where everything in an image goes, before a byte is written. */
export interface ImagePlan {
  /** In the order in which they are stored: depth first, names in byte order. The root is the first, with NID 0. */
  readonly inodes: readonly PlannedInode[];
  readonly files: ReadonlyMap<FileNode, PlannedInode>;
  readonly metadataBytes: number;
  readonly dataBlocks: number;
}

/**
 * Whether the image holds the bytes of regular files itself (`plain`: whole blocks, so that other images can point
 * to them) or lists where they are on other devices (`chunks`).
 */
export type FileLayout = 'plain' | 'chunks';

/** Plans the image of a tree. */
export function planImage(root: DirectoryNode, fileLayout: FileLayout): ImagePlan {
  const allocator = new Allocator(fileLayout);
  const rootInode = allocator.add(root);
  // An explicit stack, since trees may be deeper than the engine's.
  const stack: Visit[] = [{ directory: root, inode: rootInode, parent: rootInode, next: 0 }];
  for (let visit = stack.at(-1); visit !== undefined; visit = stack.at(-1)) {
    const { names, inodes } = visit.inode.listing as NonNullable<PlannedInode['listing']>;
    const name = names[visit.next++];
    if (name === undefined) stack.pop();
    else if (name === '.') inodes.push(visit.inode);
    else if (name === '..') inodes.push(visit.parent);
    else {
      const node = visit.directory.children.get(name) as TreeNode;
      const inode = allocator.add(node);
      inodes.push(inode);
      if (node.kind === 'directory') {
        // The format's reference writer gives the root 2 links whatever it holds.
        if (visit.inode !== rootInode) visit.inode.links++;
        stack.push({ directory: node, inode, parent: visit.inode, next: 0 });
      }
    }
  }
  return allocator.plan;
}

interface Visit {
  readonly directory: DirectoryNode;
  readonly inode: PlannedInode;
  readonly parent: PlannedInode;
  /** Index of the next name. */
  next: number;
}

/** Hands out places in both areas, in the order of calls. */
class Allocator {
  readonly #fileLayout: FileLayout;
  readonly #inodes: PlannedInode[] = [];
  readonly #files = new Map<FileNode, PlannedInode>();
  #metadataBytes = 0;
  #dataBlocks = 0;

  constructor(fileLayout: FileLayout) {
    this.#fileLayout = fileLayout;
  }

  get plan(): ImagePlan {
    return {
      inodes: this.#inodes,
      files: this.#files,
      metadataBytes: this.#metadataBytes,
      dataBlocks: this.#dataBlocks,
    };
  }

  /** Plans a node's inode; a file that has one already gets one more link. */
  add(node: TreeNode): PlannedInode {
    const known = node.kind === 'file' ? this.#files.get(node) : undefined;
    if (known !== undefined) {
      known.links++;
      return known;
    }
    const inode = this.#place(node);
    this.#inodes.push(inode);
    if (node.kind === 'file') this.#files.set(node, inode);
    return inode;
  }

  #place(node: TreeNode): PlannedInode {
    const listing = node.kind === 'directory' ? { names: listedNames(node), inodes: [] } : null;
    const size = listing === null ? contentBytes(node) : directoryBytes(listing.names);
    const xattrBytes = 'xattrs' in node ? xattrBodyBytes(node.xattrs) : 0;
    const { layout, behindInode, dataBlocks } = this.#layOut(node, size, INODE_BYTES + xattrBytes);
    const nid = this.#metadataBytes / SLOT_BYTES;
    const metadataBytes = alignUp(behindInode, SLOT_BYTES);
    const dataBlock = dataBlocks === 0 ? NO_BLOCK : this.#dataBlocks;
    this.#metadataBytes += metadataBytes;
    this.#dataBlocks += dataBlocks;
    const links = listing === null ? 1 : 2;
    return { node, nid, layout, size, xattrBytes, metadataBytes, dataBlock, dataBlocks, links, listing };
  }

  /** Chooses the layout of an inode that takes `headBytes` before its inline data or chunk list. */
  #layOut(
    node: TreeNode,
    size: number,
    headBytes: number,
  ): { readonly layout: number; readonly behindInode: number; readonly dataBlocks: number } {
    if (node.kind === 'file' && this.#fileLayout === 'chunks') {
      const chunks = Math.ceil(size / BLOCK_BYTES);
      // The kernel looks for the list at the next multiple of its entries' size.
      const behindInode = alignUp(headBytes, CHUNK_INDEX_BYTES) + chunks * CHUNK_INDEX_BYTES;
      return { layout: LAYOUT_CHUNKS, behindInode, dataBlocks: 0 };
    }
    const tail = size % BLOCK_BYTES;
    // Inline data must not cross a block boundary.
    const fits = headBytes + tail <= BLOCK_BYTES - (this.#metadataBytes % BLOCK_BYTES);
    if (tail > 0 && node.kind !== 'file' && fits) {
      return {
        layout: LAYOUT_INLINE,
        behindInode: headBytes + tail,
        dataBlocks: (size - tail) / BLOCK_BYTES,
      };
    }
    return { layout: LAYOUT_PLAIN, behindInode: headBytes, dataBlocks: Math.ceil(size / BLOCK_BYTES) };
  }
}

function listedNames(directory: DirectoryNode): string[] {
  return [...directory.children.keys(), '.', '..'].sort();
}

function contentBytes(node: TreeNode): number {
  if (node.kind === 'file') return node.size;
  return node.kind === 'symlink' ? node.target.length : 0;
}
