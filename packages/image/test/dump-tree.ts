import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { FileNode, LayerTree, TreeNode } from '../src/tree/nodes.ts';

/** A tree as plain lines, to compare trees by: path, kind, metadata, content, and which names are one file. */
export async function dumpTree(tree: LayerTree): Promise<string[]> {
  const lines: string[] = [];
  const firstNames = new Map<FileNode, string>();
  const stack: [string, TreeNode][] = [['', tree.root]];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const [path, node] = next;
    lines.push(await line(path, node, firstNames));
    if (node.kind !== 'directory') continue;
    for (const name of [...node.children.keys()].sort().reverse()) {
      stack.push([`${path}/${name}`, node.children.get(name) as TreeNode]);
    }
  }
  return lines;
}

async function line(path: string, node: TreeNode, firstNames: Map<FileNode, string>): Promise<string> {
  const { mode, uid, gid, mtime, mtimeNsec } = node.kind === 'directory' ? node.metadata : node;
  const facts = [path || '/', node.kind, mode.toString(8), uid, gid, `${mtime}.${mtimeNsec}`];
  if ('xattrs' in node) {
    for (const [name, value] of node.xattrs) facts.push(`${name}=${value.toString('hex')}`);
  }
  if (node.kind === 'symlink') facts.push(`-> ${node.target}`);
  if (node.kind === 'char-device' || node.kind === 'block-device') facts.push(`${node.major}:${node.minor}`);
  if (node.kind === 'file') {
    const first = firstNames.get(node);
    if (first !== undefined) return `${path} = ${first}`;
    firstNames.set(node, path);
    facts.push(
      node.size,
      createHash('sha256')
        .update(await fileBytes(node))
        .digest('hex'),
    );
  }
  return facts.join(' ');
}

/** The bytes of a file of a tree. */
export async function fileBytes({ data, size }: Pick<FileNode, 'data' | 'size'>): Promise<Buffer> {
  if (data.source === 'memory') return data.bytes;
  if (data.source === 'none') throw new Error('no data');
  if (data.source === 'parts') {
    const parts = data.parts.map((part) => fileBytes({ data: part, size: part.size }));
    return Buffer.concat(await Promise.all(parts));
  }
  return (await readFile(data.path)).subarray(data.offset, data.offset + size);
}
