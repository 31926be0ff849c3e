import { BLOCK_BYTES, BLOCKS_PER_GROUP, INODES_PER_GROUP } from '../ext4/ext4-format.ts';
import type { DirectoryNode, FileNode } from '../tree/nodes.ts';

/** Length of the journal of every flat image (64 MiB). */
export const FLAT_JOURNAL_BLOCKS = 16_384;

/** Blocks that are kept free at least. */
const MIN_RESERVE_BLOCKS = 16_384;
/** The most that a group needs for itself. */
const GROUP_METADATA_BLOCKS = 772;

/** What a tree needs. */
export interface TreeMeasure {
  /** The root too; hard links of one file are one. */
  readonly inodes: number;
  /** Sum of the sizes of all files. */
  readonly contentBytes: number;
}

/** Counts each inode once, however many names a file has. */
export function measureTree(root: DirectoryNode): TreeMeasure {
  const files = new Set<FileNode>();
  let inodes = 1;
  let contentBytes = 0;
  const stack = [root];
  for (let directory = stack.pop(); directory !== undefined; directory = stack.pop()) {
    for (const node of directory.children.values()) {
      if (node.kind === 'directory') stack.push(node);
      if (node.kind === 'file') {
        if (files.has(node)) continue;
        files.add(node);
        contentBytes += node.size;
      }
      inodes++;
    }
  }
  return { inodes, contentBytes };
}

/** Size of the flat image of a tree: as many whole groups as content and inodes need, with some room. */
export function flatSizeBytes({ inodes, contentBytes }: TreeMeasure): number {
  const data = Math.ceil(contentBytes / BLOCK_BYTES);
  const reserve = Math.max(MIN_RESERVE_BLOCKS, Math.ceil(data / 20));
  // Two blocks an inode: of a directory or link, and of extents or attributes.
  const needed = data + reserve + FLAT_JOURNAL_BLOCKS + 2 * inodes;
  const dataGroups = Math.ceil(needed / (BLOCKS_PER_GROUP - GROUP_METADATA_BLOCKS));
  const inodeGroups = Math.ceil((Math.ceil((inodes + 9) / 10) * 11) / INODES_PER_GROUP);
  return Math.max(inodeGroups, dataGroups, 2) * BLOCKS_PER_GROUP * BLOCK_BYTES;
}
