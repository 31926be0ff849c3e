import type { TreeNode } from '../tree/nodes.ts';

/** One entry of an image, without its children. */
export interface ErofsEntry {
  /** Path from the root without a leading slash, latin1; empty for the root. */
  readonly path: string;
  readonly node: TreeNode;
}

/** Reads images that {@link writeErofs} wrote. Paths are latin1 strings; symbolic links are not followed. */
export class ErofsReader implements AsyncDisposable {
  static async open(_path: string): Promise<ErofsReader> {
    throw new Error('not written yet');
  }

  /** The entry at a path, or null when there is none. */
  async lookup(_path: string): Promise<ErofsEntry | null> {
    throw new Error('not written yet');
  }

  async readFile(_path: string): Promise<Buffer> {
    throw new Error('not written yet');
  }

  /** Target bytes of a symbolic link. */
  async readLink(_path: string): Promise<Buffer> {
    throw new Error('not written yet');
  }

  /** All entries in stored order, a directory before its children; the root first. */
  walk(): AsyncIterable<ErofsEntry> {
    throw new Error('not written yet');
  }

  async close(): Promise<void> {
    throw new Error('not written yet');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
