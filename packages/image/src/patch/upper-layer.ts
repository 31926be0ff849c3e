import { findNode } from '../tree/find-node.ts';
import {
  createDirectory,
  type DirectoryNode,
  isOpaque,
  isWhiteout,
  type LeafNode,
  type Metadata,
  NO_XATTRS,
  OPAQUE_XATTR,
  type TreeNode,
  type Xattrs,
} from '../tree/nodes.ts';
import { quotePath } from '../tree/quote-path.ts';
import { shownPath } from './guest-path.ts';
import { kindName } from './kind-name.ts';
import type { LowerLayers } from './lower-layers.ts';
import { patchFailed } from './patch-failed.ts';

const OPAQUE: Xattrs = new Map([[OPAQUE_XATTR, Buffer.from('y')]]);

/** Metadata of everything that a patch makes: owned by root, time 0. */
export function patchMetadata(mode: number): Metadata {
  return { mode: mode & 0o7777, uid: 0, gid: 0, mtime: 0, mtimeNsec: 0 };
}

/** The writable layer while patches are applied: what overlayfs finds above the image. */
export class UpperLayer {
  readonly root: DirectoryNode = createDirectory();
  readonly #lower: LowerLayers;

  constructor(lower: LowerLayers) {
    this.#lower = lower;
  }

  /** What this layer has at a path; a whiteout is one of its nodes. */
  own(names: readonly string[]): TreeNode | undefined {
    return findNode(this.root, names);
  }

  /** What shines through from the image at a path, whatever this layer has at the path itself. */
  async below(names: readonly string[]): Promise<TreeNode | null> {
    let node: TreeNode | undefined = this.root;
    for (const name of names.slice(0, -1)) {
      node = node.children.get(name);
      if (node === undefined) break;
      if (node.kind !== 'directory' || isOpaque(node)) return null;
    }
    return this.#lower.find(names);
  }

  /**
   * Puts a file, link or device at a path, in directories that are made where there are none.
   *
   * @throws {PatchFailedError} when something is in the way.
   */
  async putLeaf(names: readonly string[], leaf: LeafNode): Promise<void> {
    const { children } = await this.#parent(names);
    const name = names.at(-1) as string;
    if (children.get(name)?.kind === 'directory') {
      throw patchFailed(`entry already exists: ${quotePath(name)}`);
    }
    children.set(name, leaf);
  }

  /** Puts a directory at a path; one that is there keeps its children. */
  async putDirectory(names: readonly string[], metadata: Metadata): Promise<DirectoryNode> {
    const { children } = await this.#parent(names);
    return putDirectory(children, names.at(-1) as string, metadata);
  }

  /** Takes what this layer has at a path away. */
  drop(names: readonly string[]): void {
    const parent = findNode(this.root, names.slice(0, -1));
    if (parent?.kind === 'directory') parent.children.delete(names.at(-1) as string);
  }

  async #parent(names: readonly string[]): Promise<DirectoryNode> {
    let parent = this.root;
    for (let depth = 1; depth < names.length; depth++) {
      const prefix = names.slice(0, depth);
      const name = prefix.at(-1) as string;
      const node = parent.children.get(name);
      if (node?.kind === 'directory') {
        parent = node;
        continue;
      }
      if (node !== undefined && !isWhiteout(node)) {
        throw patchFailed(`patch path parent is not a directory: '${shownPath(prefix)}'`);
      }
      if (node === undefined) await this.#assertNoLeafBelow(prefix);
      parent = putDirectory(parent.children, name, patchMetadata(0o755));
    }
    return parent;
  }

  async #assertNoLeafBelow(prefix: readonly string[]): Promise<void> {
    const below = await this.below(prefix);
    if (below === null || below.kind === 'directory') return;
    const path = shownPath(prefix);
    throw patchFailed(
      `patch path parent is not a directory: '${path}' (${kindName(below)})`,
      below.kind === 'symlink'
        ? { hint: `links are not followed: write where ${path} leads to instead` }
        : {},
    );
  }
}

/**
 * A directory in the place of a whiteout must not show again what that hid; overlayfs would merge it with the image's.
 */
export function putDirectory(
  children: Map<string, TreeNode>,
  name: string,
  metadata: Metadata,
): DirectoryNode {
  const existing = children.get(name);
  if (existing?.kind === 'directory') {
    existing.metadata = metadata;
    return existing;
  }
  const wasHidden = existing !== undefined && isWhiteout(existing);
  const directory = createDirectory(metadata, wasHidden ? OPAQUE : NO_XATTRS);
  children.set(name, directory);
  return directory;
}
