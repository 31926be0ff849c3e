import type { DirectoryNode, TreeNode } from './nodes.ts';

/** The node at a path of names below `root`, or undefined. Symbolic links are not followed. */
export function findNode(root: DirectoryNode, names: readonly string[]): TreeNode | undefined {
  let node: TreeNode | undefined = root;
  for (const name of names) {
    if (node?.kind !== 'directory') return undefined;
    node = node.children.get(name);
  }
  return node;
}
