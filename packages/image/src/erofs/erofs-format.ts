/**
 * Numbers of the EROFS disk format (Linux: fs/erofs/erofs_fs.h), as far as these images use it: 4 KiB blocks, extended inodes
 * only, no compression, no shared extended attributes.
 */

export const BLOCK_BYTES = 4096;

export const SUPERBLOCK_OFFSET = 1024;
export const SUPERBLOCK_BYTES = 128;
export const SUPERBLOCK_MAGIC = 0xe0f5_e1e2;

/** Inodes start at multiples of this; a NID counts slots from the start of the metadata area. */
export const SLOT_BYTES = 32;
export const INODE_BYTES = 64;

/** Where an inode's data is: in blocks, in blocks with the last part behind the inode, or in a list of chunks. */
export const LAYOUT_PLAIN = 0;
export const LAYOUT_INLINE = 2;
export const LAYOUT_CHUNKS = 4;

/** `i_u` of chunk-based inodes: chunks of one block, listed as 8-byte indexes. */
export const CHUNK_FORMAT_INDEXES = 0x0020;
export const CHUNK_INDEX_BYTES = 8;

export const XATTR_HEADER_BYTES = 12;
export const XATTR_ENTRY_BYTES = 4;

/** Start of names that are stored as a number. */
export const XATTR_PREFIXES: readonly (readonly [prefix: string, index: number])[] = [
  ['user.', 1],
  ['trusted.', 4],
  ['security.', 6],
];

export const DIRENT_BYTES = 12;

export const DEVICE_SLOT_BYTES = 128;

/** Bits of `st_mode` that hold the type (Linux: include/uapi/linux/stat.h). */
export const TYPE_MASK = 0o170000;

/** Type bits of an inode's mode, and type number of a directory entry. */
export const NODE_TYPES = {
  file: { mode: 0o100000, dirent: 1 },
  directory: { mode: 0o040000, dirent: 2 },
  'char-device': { mode: 0o020000, dirent: 3 },
  'block-device': { mode: 0o060000, dirent: 4 },
  fifo: { mode: 0o010000, dirent: 5 },
  socket: { mode: 0o140000, dirent: 6 },
  symlink: { mode: 0o120000, dirent: 7 },
} as const;

/** The next multiple of `alignment`, which may be any number; exact up to 2^53. */
export function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}
