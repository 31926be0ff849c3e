//! From image layers to disks: a layer's stream is decompressed, hashed and read as an archive while it arrives; its tree
//! becomes an EROFS image, and the trees of all layers one image of their metadata. What `packages/image` does without
//! native code, by the same rules and byte for byte.
//!
//! Nothing here trusts a layer: what one may ask for is bounded, and whoever calls says by how much.

mod consumer;
mod copy;
mod crc32c;
mod decoder;
mod erofs;
mod failure;
mod gzip;
mod limits;
mod queue;
mod spool;
mod tar;
mod tree;
mod unpacker;
mod zstd;

pub use decoder::Compression;
pub use erofs::{LayerImage, write_fsmeta};
pub use failure::{Action, Failure};
pub use limits::Limits;
pub use queue::Queue;
pub use unpacker::{UnpackedLayer, Unpacker};
