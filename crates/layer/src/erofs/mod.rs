//! EROFS images (Linux: fs/erofs/erofs_fs.h), as far as layers need the format: 4 KiB blocks, extended inodes only, no
//! compression, no shared extended attributes. Byte for byte what `packages/image/src/erofs` writes, which is the way
//! without native code; both are tested together.

mod directory;
mod fsmeta;
mod inode;
mod layer_image;
mod plan;
mod superblock;
mod write;
mod xattrs;

pub use fsmeta::write_fsmeta;
pub use layer_image::LayerImage;

const BLOCK_BYTES: u64 = 4096;
const SLOT_BYTES: u64 = 32;
const INODE_BYTES: u64 = 64;
/// First block of what has none.
const NO_BLOCK: u32 = u32::MAX;

/// Layouts of an inode's data: in blocks, in blocks with the last part behind the inode, or in a list of chunks.
const LAYOUT_PLAIN: u16 = 0;
const LAYOUT_INLINE: u16 = 2;
const LAYOUT_CHUNKS: u16 = 4;

/// Bytes of an entry in a list of chunks, each of which is one block.
const CHUNK_INDEX_BYTES: u64 = 8;
