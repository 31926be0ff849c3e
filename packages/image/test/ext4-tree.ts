import { SeededRandom } from '@microsandbox/test-utils';
import type { DirectoryNode, FileNode, LayerTree } from '../src/tree/nodes.ts';
import { randomTree } from './random-tree.ts';

/** A random tree that ext4 can express: extended attributes of one file fit in a block. */
export function randomExt4Tree(seed: number): LayerTree {
  const tree = randomTree(new SeededRandom(seed));
  const stack: (DirectoryNode | FileNode)[] = [tree.root];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    let left = 3500;
    for (const [name, value] of [...node.xattrs]) {
      left -= 40 + name.length + value.length;
      if (left < 0) (node.xattrs as Map<string, Buffer>).delete(name);
    }
    if (node.kind !== 'directory') continue;
    for (const child of node.children.values()) {
      if (child.kind === 'directory' || child.kind === 'file') stack.push(child);
    }
  }
  return tree;
}
