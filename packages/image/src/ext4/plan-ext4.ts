import { ImageError } from '@microsandbox/types';
import type { DirectoryNode, TreeNode } from '../tree/nodes.ts';
import { type BlockRun, BlockSpace } from './block-space.ts';
import { directoryBlockCount } from './directory-blocks.ts';
import { BLOCK_BYTES, INODES_PER_GROUP } from './ext4-format.ts';
import { needsLeafBlock } from './extent-tree.ts';
import {
  assertJournalBlocks,
  defaultJournalBlocks,
  type Geometry,
  groupMetadataBlocks,
  planGeometry,
  tooSmall,
} from './geometry.ts';
import { type NumberedInode, type NumberedTree, numberInodes } from './number-inodes.ts';
import { planXattrs, type XattrPlan } from './xattrs.ts';

/** Longest symbolic link target that fits in the inode, bytes. */
const FAST_SYMLINK_BYTES = 59;

/** Where the parts of one inode are. */
export interface InodePlacement {
  readonly size: number;
  readonly runs: readonly BlockRun[];
  readonly leafBlock: number | undefined;
  readonly xattrs: XattrPlan | undefined;
  readonly xattrBlock: number | undefined;
}

/** Where everything of a file system goes. */
export interface Ext4Plan {
  readonly geometry: Geometry;
  readonly tree: NumberedTree;
  readonly placements: ReadonlyMap<NumberedInode, InodePlacement>;
  /** The resize inode's double-indirect block. */
  readonly resizeBlock: number;
  readonly journal: BlockRun;
  readonly space: BlockSpace;
  /** Highest inode number in use; at least 10. */
  readonly lastInode: number;
}

export interface Ext4PlanOptions {
  readonly sizeBytes: number;
  /** Length of the journal; a quarter of the file system, 4 to 64 MiB, when absent. */
  readonly journalBlocks?: number | undefined;
  readonly root: DirectoryNode;
}

/**
 * Lays out a file system: group 0 holds, after its own metadata, the resize inode's block, the root directory and
 * the journal; everything else follows in the order of a walk that visits children before their directory.
 *
 * @throws {InvalidConfigError} when the size cannot hold it.
 * @throws {ImageError} when the tree has something that ext4 cannot express.
 */
export function planExt4(options: Ext4PlanOptions): Ext4Plan {
  const geometry = planGeometry(options.sizeBytes);
  const journalBlocks = options.journalBlocks ?? defaultJournalBlocks(geometry.blocks);
  assertJournalBlocks(journalBlocks);
  const tree = numberInodes(options.root);
  const lastInode = 10 + tree.byNumber.length;
  if (lastInode > geometry.groups * INODES_PER_GROUP) throw tooSmall();

  const resizeBlock = groupMetadataBlocks(geometry, 0);
  const rootBlocks = { start: resizeBlock + 1, count: directoryBlocks(tree.root) };
  const journal = { start: rootBlocks.start + rootBlocks.count, count: journalBlocks };
  const space = new BlockSpace(geometry, journal.start + journal.count);

  const placements = new Map<NumberedInode, InodePlacement>();
  placements.set(tree.root, place(tree.root, space, [rootBlocks]));
  for (const inode of tree.childrenFirst) placements.set(inode, place(inode, space));
  return { geometry, tree, placements, resizeBlock, journal, space, lastInode };
}

/** Blocks of data, extents and extended attributes of an inode. */
export function blocksOf({ runs, leafBlock, xattrBlock }: InodePlacement): number {
  const data = runs.reduce((sum, { count }) => sum + count, 0);
  return data + (leafBlock === undefined ? 0 : 1) + (xattrBlock === undefined ? 0 : 1);
}

function place(inode: NumberedInode, space: BlockSpace, given?: readonly BlockRun[]): InodePlacement {
  const { blocks, size } = extentOf(inode);
  const runs = given ?? space.take(blocks);
  const leafBlock = needsLeafBlock(runs) ? space.takeOne() : undefined;
  const xattrs = 'xattrs' in inode.node ? planXattrs(inode.node.xattrs) : undefined;
  const xattrBlock = xattrs !== undefined && !xattrs.inline ? space.takeOne() : undefined;
  return { size, runs, leafBlock, xattrs, xattrBlock };
}

function extentOf(inode: NumberedInode): { readonly blocks: number; readonly size: number } {
  if (inode.kind === 'directory') {
    const blocks = directoryBlocks(inode);
    return { blocks, size: blocks * BLOCK_BYTES };
  }
  const { node } = inode;
  if (node.kind === 'symlink') {
    const size = node.target.length;
    if (size > BLOCK_BYTES - 1) throw new ImageError('ext4 layout error: symlink target too long');
    return { blocks: isFastSymlink(node) ? 0 : 1, size };
  }
  if (node.kind === 'file') return { blocks: Math.ceil(node.size / BLOCK_BYTES), size: node.size };
  return { blocks: 0, size: 0 };
}

function directoryBlocks(inode: NumberedInode & { readonly kind: 'directory' }): number {
  return directoryBlockCount(inode.entries.map(({ name }) => name));
}

/** Whether a symbolic link's target is kept in the inode. */
export function isFastSymlink(node: TreeNode): boolean {
  return node.kind === 'symlink' && node.target.length <= FAST_SYMLINK_BYTES;
}
