import { ImageError } from '@microsandbox/types';
import type { DeviceNode, Metadata } from '../tree/nodes.ts';
import { EXTENTS_FLAG, NODE_TYPES } from './ext4-format.ts';
import { encodeExtentRoot } from './extent-tree.ts';
import type { InodeFields } from './inode.ts';
import type { NumberedInode } from './number-inodes.ts';
import { blocksOf, type InodePlacement, isFastSymlink } from './plan-ext4.ts';
import { encodeInlineXattrs } from './xattrs.ts';

/**
 * What becomes of owners, modes and times. `upper`: all belongs to root, times are 0, a mode of 0 becomes 0755 or
 * 0644. `rootfs`: all as in the tree.
 */
export type MetadataMode = 'upper' | 'rootfs';

/** Fields of the inode of a node of the tree. */
export function treeInodeFields(
  inode: NumberedInode,
  placement: InodePlacement,
  mode: MetadataMode,
): InodeFields {
  const { node } = inode;
  const metadata = inode.kind === 'directory' ? inode.node.metadata : inode.node;
  const hasExtents =
    node.kind === 'directory' || node.kind === 'file' || (node.kind === 'symlink' && !isFastSymlink(node));
  return {
    ...ownership(mode === 'upper' ? asUpper(metadata, inode.kind) : metadata, NODE_TYPES[node.kind].mode),
    size: placement.size,
    links: inode.links,
    blocks: blocksOf(placement),
    flags: hasExtents ? EXTENTS_FLAG : 0,
    iBlock: hasExtents ? encodeExtentRoot(placement.runs, placement.leafBlock) : contentInInode(inode),
    xattrBlock: placement.xattrBlock,
    inlineXattrs: placement.xattrs?.inline ? encodeInlineXattrs(placement.xattrs) : undefined,
  };
}

function ownership(
  metadata: Metadata,
  type: number,
): Pick<InodeFields, 'mode' | 'uid' | 'gid' | 'seconds' | 'nanoseconds'> {
  const { mode, uid, gid, mtime, mtimeNsec } = metadata;
  return { mode: type | mode, uid, gid, seconds: mtime, nanoseconds: mtimeNsec };
}

function asUpper({ mode }: Metadata, kind: NumberedInode['kind']): Metadata {
  const fallback = kind === 'directory' ? 0o755 : 0o644;
  return { mode: mode === 0 ? fallback : mode, uid: 0, gid: 0, mtime: 0, mtimeNsec: 0 };
}

/** Link target or device number in the 60 bytes that else hold extents. */
function contentInInode({ node }: NumberedInode): Buffer {
  const content = Buffer.alloc(60);
  if (node.kind === 'symlink') content.write(node.target, 'latin1');
  if (node.kind === 'char-device' || node.kind === 'block-device') writeDeviceNumber(content, node);
  return content;
}

/** Old encoding where it fits, else the new one (Linux: include/linux/kdev_t.h). */
function writeDeviceNumber(target: Buffer, { major, minor }: DeviceNode): void {
  if (major > 0xfff || minor > 0xf_ffff) {
    throw new ImageError(`ext4 layout error: device number ${major}:${minor} out of range`);
  }
  if (major < 256 && minor < 256) target.writeUInt32LE((major << 8) | minor, 0);
  else target.writeUInt32LE(((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0, 4);
}
