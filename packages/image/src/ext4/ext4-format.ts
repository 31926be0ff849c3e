/**
 * Numbers of the ext4 disk format (Linux: fs/ext4/ext4.h), as far as these images use it: 4 KiB blocks, 64-byte
 * descriptors, 256-byte inodes, metadata checksums, a resize inode, neither flex_bg nor meta_bg.
 */

export const BLOCK_BYTES = 4096;

export const BLOCKS_PER_GROUP = 32_768;
export const INODES_PER_GROUP = 8192;
export const INODE_BYTES = 256;
export const INODE_TABLE_BLOCKS = (INODES_PER_GROUP * INODE_BYTES) / BLOCK_BYTES;
export const DESCRIPTOR_BYTES = 64;

/** Blocks kept behind the descriptors for later growth. */
export const RESERVED_GDT_BLOCKS = 256;

/** The resize inode lists descriptor blocks, reserved ones too, in one double-indirect block. */
export const MAX_SPAN_BLOCKS = BLOCK_BYTES / 4;

export const MAX_GDT_BLOCKS = MAX_SPAN_BLOCKS - RESERVED_GDT_BLOCKS;

export const MAX_GROUPS = (MAX_GDT_BLOCKS * BLOCK_BYTES) / DESCRIPTOR_BYTES;

export const ROOT_INODE = 2;
export const RESIZE_INODE = 7;
export const JOURNAL_INODE = 8;
export const FIRST_TREE_INODE = 11;

/** Superblock: magic, and where its checksum is. */
export const SUPERBLOCK_BYTES = 1024;
/** Of the primary superblock in block 0; backups start at byte 0 of their block. */
export const SUPERBLOCK_OFFSET = 1024;

export const FEATURES = {
  /** has_journal, ext_attr, resize_inode, dir_index */
  compat: 0x3c,
  /** filetype, extents, 64bit */
  incompat: 0xc2,
  /** sparse_super, large_file, huge_file, dir_nlink, extra_isize, metadata_csum */
  roCompat: 0x46b,
} as const;

/** All CRCs start from this or from the file system's seed, and none is inverted. */
export const CRC_START = 0xffff_ffff;

/** Smallest and largest journal, blocks: Linux mounts none below (JBD2_MIN_JOURNAL_BLOCKS); one extent above. */
export const MIN_JOURNAL_BLOCKS = 1024;
export const MAX_JOURNAL_BLOCKS = 32_768;

export const EXTENTS_FLAG = 0x8_0000;

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
