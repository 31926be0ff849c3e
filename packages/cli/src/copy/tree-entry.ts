import type { ByteName } from './byte-name.ts';

/** Where a file lies in a sandbox. */
export interface GuestOrigin {
  readonly sandbox: string;
  readonly path: Uint8Array;
}

interface EntryBase {
  /** Names from the copied root down; empty for the root itself. */
  readonly path: readonly ByteName[];
  /** Permission bits, 12 of them. */
  readonly mode: number;
  readonly modified: Date | null;
}

export interface FileEntry extends EntryBase {
  readonly kind: 'file';
  /** Bytes, as far as the source knows before it reads. */
  readonly size: number;
  /** The content, once, and before the next entry is asked for. */
  open(): AsyncIterable<Uint8Array>;
  /** Set when the content can be had inside of that sandbox. */
  readonly origin?: GuestOrigin;
  /** Set when the content is that of a file that came before; `open()` then gives nothing. */
  readonly sameAs?: readonly ByteName[];
}

export interface DirectoryEntry extends EntryBase {
  readonly kind: 'directory';
}

export interface SymlinkEntry extends EntryBase {
  readonly kind: 'symlink';
  readonly target: ByteName;
}

/** One thing to copy. */
export type TreeEntry = FileEntry | DirectoryEntry | SymlinkEntry;

/** Entries in an order that a sink can take: a folder before what is in it, and that before anything else. */
export type TreeSource = AsyncIterable<TreeEntry>;

/** Takes a tree, entry by entry. Disposing frees what it holds, whether or not the tree is complete. */
export interface TreeSink extends AsyncDisposable {
  add(entry: TreeEntry): Promise<void>;
  /** To be called after the last entry. */
  finish(): Promise<void>;
}

/** The permission bits of an `st_mode`. */
export function permissionsOf(mode: number): number {
  return mode & 0o7777;
}
