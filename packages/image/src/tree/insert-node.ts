import { ImageError } from '@microsandbox/types';
import { createDirectory, type DirectoryNode, type LeafNode, type Metadata, type Xattrs } from './nodes.ts';
import { quotePath } from './quote-path.ts';

/**
 * The child directory of that name, made with default metadata when there is none.
 *
 * @throws {ImageError} when the name is taken by something else.
 */
export function ensureDirectory(
  parent: DirectoryNode,
  name: string,
  onCreate?: (name: string) => void,
): DirectoryNode {
  const existing = parent.children.get(name);
  if (existing?.kind === 'directory') return existing;
  if (existing !== undefined) throw new ImageError(`not a directory: ${quotePath(name)}`);
  onCreate?.(name);
  const created = createDirectory();
  parent.children.set(name, created);
  return created;
}

/** Describes a child directory: a new one, or one that is there and keeps its children. Replaces a leaf. */
export function putDirectory(parent: DirectoryNode, name: string, metadata: Metadata, xattrs: Xattrs): void {
  const existing = parent.children.get(name);
  if (existing?.kind === 'directory') {
    existing.metadata = metadata;
    existing.xattrs = xattrs;
  } else {
    parent.children.set(name, createDirectory(metadata, xattrs));
  }
}

/**
 * Puts a leaf in a directory; a leaf of that name is replaced.
 *
 * @throws {ImageError} when the name is a directory's.
 */
export function putLeaf(parent: DirectoryNode, name: string, leaf: LeafNode): void {
  if (parent.children.get(name)?.kind === 'directory') {
    throw new ImageError(`entry already exists: ${quotePath(name)}`);
  }
  parent.children.set(name, leaf);
}
