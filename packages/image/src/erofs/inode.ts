import type { Metadata, TreeNode } from '../tree/nodes.ts';
import { encodeDeviceNumber } from './device-number.ts';
import { NO_BLOCK } from './erofs-data-map.ts';
import { CHUNK_FORMAT_INDEXES, LAYOUT_CHUNKS, NODE_TYPES } from './erofs-format.ts';
import type { PlannedInode } from './image-plan.ts';
import { xattrCount } from './inline-xattrs.ts';

const EXTENDED = 1;
const TWO_TO_32 = 2 ** 32;

/** Writes an extended inode at `offset` of a buffer that holds zeros there. */
export function writeInode(
  target: Buffer,
  offset: number,
  inode: PlannedInode,
  firstDataBlock: number,
): void {
  const { node } = inode;
  const { mode, uid, gid, mtime, mtimeNsec } = metadataOf(node);
  target.writeUInt16LE(EXTENDED | (inode.layout << 1), offset);
  target.writeUInt16LE(xattrCount(inode.xattrBytes), offset + 0x02);
  target.writeUInt16LE(NODE_TYPES[node.kind].mode | mode, offset + 0x04);
  writeUInt64(target, inode.size, offset + 0x08);
  target.writeUInt32LE(inodeUnion(inode, firstDataBlock), offset + 0x10);
  target.writeUInt32LE(inode.nid, offset + 0x14);
  target.writeUInt32LE(uid, offset + 0x18);
  target.writeUInt32LE(gid, offset + 0x1c);
  writeUInt64(target, mtime, offset + 0x20);
  target.writeUInt32LE(mtimeNsec, offset + 0x28);
  target.writeUInt32LE(inode.links, offset + 0x2c);
}

export function metadataOf(node: TreeNode): Metadata {
  return node.kind === 'directory' ? node.metadata : node;
}

/** `i_u`, which means something else for each kind of inode. */
function inodeUnion({ node, layout, dataBlock }: PlannedInode, firstDataBlock: number): number {
  if (layout === LAYOUT_CHUNKS) return CHUNK_FORMAT_INDEXES;
  switch (node.kind) {
    case 'char-device':
    case 'block-device':
      return encodeDeviceNumber(node.major, node.minor);
    case 'fifo':
    case 'socket':
      return 0;
    default:
      return dataBlock === NO_BLOCK ? NO_BLOCK : firstDataBlock + dataBlock;
  }
}

/** Two's complement; exact for all safe integers, and without the cost of a BigInt. */
function writeUInt64(target: Buffer, value: number, offset: number): void {
  const high = Math.floor(value / TWO_TO_32);
  target.writeUInt32LE(value - high * TWO_TO_32, offset);
  target.writeInt32LE(high, offset + 4);
}
