/**
 * The file tree of one image layer, or of several merged ones.
 *
 * Names and link targets are bytes, not text: a name is a *latin1 string*, one character a byte (read it with
 * `buffer.toString('latin1')`, write it with `buffer.write(name, offset, 'latin1')`). In that form JavaScript's
 * own string order is byte order, and a name can be the key of a Map.
 */

/** What every node has. */
export interface Metadata {
  /** Permission bits only, 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Modification time in whole seconds since 1970; may be negative. */
  readonly mtime: number;
  /** Nanoseconds of the modification time, 0 to 999 999 999. */
  readonly mtimeNsec: number;
}

/** Extended attributes by full name (`security.capability`), in the order in which they are stored. */
export type Xattrs = ReadonlyMap<string, Buffer>;

/**
 * Where a regular file's `size` bytes are: in memory, in a host file from `offset` on, in several of such places one
 * after the other (only the ext4 writer takes that), or nowhere (only the metadata is known).
 */
export type FileData =
  | FilePart
  | { readonly source: 'parts'; readonly parts: readonly (FilePart & { readonly size: number })[] }
  | { readonly source: 'none' };

/** Bytes in one place. */
export type FilePart =
  | { readonly source: 'memory'; readonly bytes: Buffer }
  | { readonly source: 'region'; readonly path: string; readonly offset: number };

/**
 * A regular file. The object *is* the inode: names that are hard links of each other hold the same object, and
 * it is never changed once it is in a tree, but for `data`, which may be forgotten when an image holds the bytes.
 */
export interface FileNode extends Metadata {
  readonly kind: 'file';
  readonly xattrs: Xattrs;
  /** Length in bytes. */
  readonly size: number;
  data: FileData;
}

/** A directory; the only node that changes after it was made. */
export interface DirectoryNode {
  readonly kind: 'directory';
  metadata: Metadata;
  xattrs: Xattrs;
  /** In no particular order: see {@link sortedNames}. */
  readonly children: Map<string, TreeNode>;
}

export interface SymlinkNode extends Metadata {
  readonly kind: 'symlink';
  /** Target bytes as a latin1 string. */
  readonly target: string;
}

export interface DeviceNode extends Metadata {
  readonly kind: 'char-device' | 'block-device';
  readonly major: number;
  readonly minor: number;
}

/** A named pipe or a socket's place in the file system. */
export interface SpecialNode extends Metadata {
  readonly kind: 'fifo' | 'socket';
}

export type LeafNode = FileNode | SymlinkNode | DeviceNode | SpecialNode;
export type TreeNode = DirectoryNode | LeafNode;

/** One layer's tree. */
export interface LayerTree {
  readonly root: DirectoryNode;
}

/** Shared by all nodes without extended attributes. */
export const NO_XATTRS: Xattrs = new Map<string, Buffer>();

/** Metadata of directories that nobody described: root:root 0755, time 0. */
export const DEFAULT_DIRECTORY_METADATA: Metadata = Object.freeze({
  mode: 0o755,
  uid: 0,
  gid: 0,
  mtime: 0,
  mtimeNsec: 0,
});

/** Marks a directory that hides what lower layers have at its place; the value is `y`. */
export const OPAQUE_XATTR = 'trusted.overlay.opaque';

/** A new directory without children. */
export function createDirectory(metadata = DEFAULT_DIRECTORY_METADATA, xattrs = NO_XATTRS): DirectoryNode {
  return { kind: 'directory', metadata, xattrs, children: new Map() };
}

/** Names of a directory's children in byte order. */
export function sortedNames(directory: DirectoryNode): string[] {
  return [...directory.children.keys()].sort();
}

/** Whether a node is a whiteout: a character device 0:0, which deletes its name from lower layers. */
export function isWhiteout(node: TreeNode): boolean {
  return node.kind === 'char-device' && node.major === 0 && node.minor === 0;
}

/** Whether a directory carries the opaque mark. */
export function isOpaque(directory: DirectoryNode): boolean {
  return directory.xattrs.get(OPAQUE_XATTR)?.toString('latin1') === 'y';
}
