import { ImageError } from '@microsandbox/types';
import type { TreeNode } from '../tree/nodes.ts';
import {
  INODE_BYTES,
  LAYOUT_CHUNKS,
  LAYOUT_INLINE,
  LAYOUT_PLAIN,
  NODE_TYPES,
  TYPE_MASK,
} from './erofs-format.ts';
import { xattrBodyBytesOfCount } from './inline-xattrs.ts';
import type { StoredInode } from './stored-inode.ts';

/** An inode without its extended attributes, which follow it and take `xattrBytes`. */
export type DecodedInode = Omit<StoredInode, 'nid' | 'xattrs' | 'inlineOffset'> & {
  readonly xattrBytes: number;
};

const KIND_BY_TYPE = new Map(
  Object.entries(NODE_TYPES).map(([kind, { mode }]) => [mode as number, kind as TreeNode['kind']]),
);

const LAYOUTS = new Set([LAYOUT_PLAIN, LAYOUT_INLINE, LAYOUT_CHUNKS]);

/** Decodes an extended inode. */
export function decodeInode(bytes: Buffer): DecodedInode {
  if (bytes.length < INODE_BYTES) throw new ImageError('broken EROFS image: inode cut off');
  const format = bytes.readUInt16LE(0x00);
  const layout = (format >> 1) & 0x7;
  if ((format & 1) === 0) throw new ImageError('unsupported EROFS image: compact inode');
  if (!LAYOUTS.has(layout)) throw new ImageError(`unsupported data layout: ${layout}`);
  const mode = bytes.readUInt16LE(0x04);
  const kind = KIND_BY_TYPE.get(mode & TYPE_MASK);
  if (kind === undefined) throw new ImageError(`broken EROFS image: unknown file type ${mode.toString(8)}`);
  return {
    kind,
    layout,
    metadata: {
      mode: mode & 0o7777,
      uid: bytes.readUInt32LE(0x18),
      gid: bytes.readUInt32LE(0x1c),
      mtime: safeNumber(bytes.readBigInt64LE(0x20)),
      mtimeNsec: bytes.readUInt32LE(0x28),
    },
    size: safeNumber(bytes.readBigUInt64LE(0x08)),
    union: bytes.readUInt32LE(0x10),
    xattrBytes: xattrBodyBytesOfCount(bytes.readUInt16LE(0x02)),
  };
}

function safeNumber(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new ImageError('broken EROFS image: number out of range');
  return number;
}
