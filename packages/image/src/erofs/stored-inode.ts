import type { Metadata, TreeNode, Xattrs } from '../tree/nodes.ts';

/** An inode as it was read from an image. */
export interface StoredInode {
  readonly nid: number;
  readonly kind: TreeNode['kind'];
  readonly metadata: Metadata;
  readonly xattrs: Xattrs;
  readonly layout: number;
  /** `i_size`. */
  readonly size: number;
  /** `i_u`: first data block or device number. */
  readonly union: number;
  /** Where inline data is in the image. */
  readonly inlineOffset: number;
}
