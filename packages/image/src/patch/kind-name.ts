import type { TreeNode } from '../tree/nodes.ts';

const NAMES: Readonly<Record<TreeNode['kind'], string>> = {
  file: 'regular file',
  directory: 'directory',
  symlink: 'symlink',
  'char-device': 'character device',
  'block-device': 'block device',
  fifo: 'fifo',
  socket: 'socket',
};

/** What a node is, for messages. */
export function kindName(node: TreeNode): string {
  return NAMES[node.kind];
}
