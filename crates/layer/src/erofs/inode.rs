//! Extended inodes.

use super::plan::Inode;
use super::{INODE_BYTES, LAYOUT_CHUNKS, NO_BLOCK, xattrs};
use crate::tree::{Content, Node};

/// Extended, in `i_format`.
const EXTENDED: u16 = 1;
/// `i_u` of inodes with lists of chunks: chunks of one block, listed as 8-byte indexes.
const CHUNK_FORMAT_INDEXES: u32 = 0x0020;

/// Type bits of an inode's mode (Linux: include/uapi/linux/stat.h), and type number of a directory entry.
pub fn types(content: &Content) -> (u16, u8) {
    match content {
        Content::File { .. } => (0o100_000, 1),
        Content::Directory(_) => (0o040_000, 2),
        Content::CharDevice { .. } => (0o020_000, 3),
        Content::BlockDevice { .. } => (0o060_000, 4),
        Content::Fifo => (0o010_000, 5),
        Content::Socket => (0o140_000, 6),
        Content::Symlink(_) => (0o120_000, 7),
    }
}

pub fn encode(inode: &Inode, node: &Node, first_data_block: u32) -> [u8; INODE_BYTES as usize] {
    let mut bytes = [0; INODE_BYTES as usize];
    let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
    let metadata = &node.metadata;
    put(0x00, &(EXTENDED | inode.layout << 1).to_le_bytes());
    put(0x02, &xattrs::count(inode.xattr_bytes).to_le_bytes());
    put(
        0x04,
        &(types(&node.content).0 | metadata.mode).to_le_bytes(),
    );
    put(0x08, &inode.size.to_le_bytes());
    put(0x10, &union(inode, node, first_data_block).to_le_bytes());
    put(0x14, &inode.nid.to_le_bytes());
    put(0x18, &metadata.uid.to_le_bytes());
    put(0x1c, &metadata.gid.to_le_bytes());
    put(0x20, &metadata.mtime.to_le_bytes());
    put(0x2c, &inode.links.to_le_bytes());
    bytes
}

/// `i_u`, which means something else for each kind of inode.
fn union(inode: &Inode, node: &Node, first_data_block: u32) -> u32 {
    if inode.layout == LAYOUT_CHUNKS {
        return CHUNK_FORMAT_INDEXES;
    }
    match node.content {
        Content::CharDevice { major, minor } | Content::BlockDevice { major, minor } => {
            device_number(major, minor)
        }
        Content::Fifo | Content::Socket => 0,
        _ if inode.data_block == NO_BLOCK => NO_BLOCK,
        _ => first_data_block + inode.data_block,
    }
}

/// Linux: new_encode_dev.
fn device_number(major: u32, minor: u32) -> u32 {
    (minor & 0xff) | (major << 8) | ((minor & !0xff) << 12)
}
