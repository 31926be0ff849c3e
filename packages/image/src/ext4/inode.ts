import { crc32c } from '../checksum/crc32c.ts';
import { INODE_BYTES } from './ext4-format.ts';
import { inodeSeed } from './inode-seed.ts';

/** Size of the fields behind the first 128 bytes that are in use. */
const EXTRA_BYTES = 32;
const MIN_SECONDS = -(2 ** 31);
/** Two more bits of seconds lie in the extra field. */
const MAX_SECONDS = 2 ** 34 - 2 ** 31 - 1;

/** Content of one inode. */
export interface InodeFields {
  /** Type and permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970 and nanoseconds; all four time stamps get it. */
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly size: number;
  readonly links: number;
  /** Blocks of 4096 bytes of data, extents and extended attributes. */
  readonly blocks: number;
  readonly flags: number;
  /** 60 bytes: extent tree, block numbers, symbolic link target or device number. */
  readonly iBlock: Uint8Array;
  readonly xattrBlock: number | undefined;
  /** The 96 bytes at 0xA0, if any. */
  readonly inlineXattrs: Uint8Array | undefined;
}

/** The 256 bytes of an inode with its checksum. Source: Linux, fs/ext4/ext4.h, struct ext4_inode. */
export function encodeInode(number: number, fields: InodeFields, fileSystemSeed: number): Buffer {
  const inode = Buffer.alloc(INODE_BYTES);
  const { size } = fields;
  const xattrBlock = fields.xattrBlock ?? 0;
  inode.writeUInt16LE(fields.mode, 0x00);
  inode.writeUInt16LE(fields.uid & 0xffff, 0x02);
  inode.writeUInt32LE(size % 2 ** 32, 0x04);
  writeTimes(inode, fields);
  inode.writeUInt16LE(fields.gid & 0xffff, 0x18);
  inode.writeUInt16LE(fields.links, 0x1a);
  inode.writeUInt32LE(fields.blocks * 8, 0x1c);
  inode.writeUInt32LE(fields.flags, 0x20);
  inode.set(fields.iBlock, 0x28);
  inode.writeUInt32LE(xattrBlock % 2 ** 32, 0x68);
  inode.writeUInt32LE(Math.floor(size / 2 ** 32), 0x6c);
  inode.writeUInt16LE(Math.floor(xattrBlock / 2 ** 32), 0x76);
  inode.writeUInt16LE(fields.uid >>> 16, 0x78);
  inode.writeUInt16LE(fields.gid >>> 16, 0x7a);
  inode.writeUInt16LE(EXTRA_BYTES, 0x80);
  if (fields.inlineXattrs !== undefined) inode.set(fields.inlineXattrs, 0xa0);

  sealInode(inode, number, fileSystemSeed);
  return inode;
}

/** Puts the checksum in an inode. */
export function sealInode(inode: Buffer, number: number, fileSystemSeed: number): void {
  const checksum = inodeChecksum(inode, number, fileSystemSeed);
  inode.writeUInt16LE(checksum & 0xffff, 0x7c);
  inode.writeUInt16LE(checksum >>> 16, 0x82);
}

/** Checksum that an inode must carry. */
export function inodeChecksum(inode: Buffer, number: number, fileSystemSeed: number): number {
  const covered = Buffer.from(inode);
  covered.writeUInt16LE(0, 0x7c);
  covered.writeUInt16LE(0, 0x82);
  return crc32c(covered, inodeSeed(fileSystemSeed, number, inode.readUInt32LE(0x64)));
}

function writeTimes(inode: Buffer, { seconds, nanoseconds }: InodeFields): void {
  const clamped = Math.min(Math.max(seconds, MIN_SECONDS), MAX_SECONDS);
  const low = clamped | 0;
  // What Linux adds to the signed low half (EXT4_EPOCH_BITS).
  const epoch = ((clamped - low) / 2 ** 32) & 3;
  const extra = ((nanoseconds << 2) | epoch) >>> 0;
  for (const at of [0x08, 0x0c, 0x10, 0x90]) inode.writeInt32LE(low, at);
  for (const at of [0x84, 0x88, 0x8c, 0x94]) inode.writeUInt32LE(extra, at);
}
