import { ImageError } from '@microsandbox/types';
import {
  type DirectoryNode,
  type FileNode,
  type LeafNode,
  sortedNames,
  type TreeNode,
} from '../tree/nodes.ts';
import { quotePath } from '../tree/quote-path.ts';
import type { DirectoryEntry } from './directory-blocks.ts';
import { FIRST_TREE_INODE, NODE_TYPES, ROOT_INODE } from './ext4-format.ts';

/** Links of one inode: the field has 16 bits, and Linux stops a little before (EXT4_LINK_MAX). */
const MAX_LINKS = 65_000;

/** A directory with its number. */
export interface NumberedDirectory {
  readonly kind: 'directory';
  readonly number: number;
  readonly node: DirectoryNode;
  links: number;
  /** `.`, `..`, then the children in byte order. */
  readonly entries: DirectoryEntry[];
}

/** Anything else with its number. */
export interface NumberedLeaf {
  readonly kind: 'leaf';
  readonly number: number;
  readonly node: LeafNode;
  links: number;
}

export type NumberedInode = NumberedDirectory | NumberedLeaf;

/** The inodes of a tree, in two orders. */
export interface NumberedTree {
  readonly root: NumberedDirectory;
  /** By number, from 11 on; the root is not among them. */
  readonly byNumber: readonly NumberedInode[];
  /** Children before their directory, in byte order; the root is not among them. */
  readonly childrenFirst: readonly NumberedInode[];
}

/**
 * Numbers the inodes of a tree: every child takes the next number in byte order, and a directory's children follow
 * it at once. A name of a file that has a number already is one more link to it. The walk keeps its own stack, so
 * that depth costs no call frames.
 */
export function numberInodes(root: DirectoryNode): NumberedTree {
  const byNumber: NumberedInode[] = [];
  const childrenFirst: NumberedInode[] = [];
  const files = new Map<FileNode, NumberedLeaf>();
  const top = numberDirectory(root, ROOT_INODE, ROOT_INODE);
  const stack = [{ directory: top, names: sortedNames(root), at: 0 }];
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    const { directory } = frame;
    const name = frame.names[frame.at++];
    if (name === undefined) {
      stack.pop();
      if (directory !== top) childrenFirst.push(directory);
      continue;
    }
    const node = directory.node.children.get(name) as TreeNode;
    const type = NODE_TYPES[node.kind].dirent;
    const known = node.kind === 'file' ? files.get(node) : undefined;
    if (known !== undefined) {
      addLink(known, name);
      directory.entries.push({ name, inode: known.number, type });
      continue;
    }
    const number = FIRST_TREE_INODE + byNumber.length;
    directory.entries.push({ name, inode: number, type });
    if (node.kind === 'directory') {
      addLink(directory, name);
      const child = numberDirectory(node, number, directory.number);
      byNumber.push(child);
      stack.push({ directory: child, names: sortedNames(node), at: 0 });
    } else {
      const leaf: NumberedLeaf = { kind: 'leaf', number, node, links: 1 };
      byNumber.push(leaf);
      childrenFirst.push(leaf);
      if (node.kind === 'file') files.set(node, leaf);
    }
  }
  return { root: top, byNumber, childrenFirst };
}

function numberDirectory(node: DirectoryNode, number: number, parent: number): NumberedDirectory {
  const type = NODE_TYPES.directory.dirent;
  const entries = [
    { name: '.', inode: number, type },
    { name: '..', inode: parent, type },
  ];
  return { kind: 'directory', number, node, links: 2, entries };
}

function addLink(inode: NumberedInode, name: string): void {
  inode.links++;
  if (inode.links > MAX_LINKS)
    throw new ImageError(`ext4 layout error: too many links at ${quotePath(name)}`);
}
