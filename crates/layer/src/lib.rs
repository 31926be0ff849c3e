//! The inner loop of unpacking an image layer: decompress, hash, and take the bodies of regular files out of the
//! archive's stream into a spool file. What is left of the stream, headers mostly, goes to the reader of the archive
//! (`packages/image/src/tar`), which alone judges what an archive means and what it may ask for.
//!
//! Nothing here trusts a layer, and nothing is decided: an archive that is not plain to see is passed on as it is.

mod consumer;
mod copy;
mod decoder;
mod elider;
mod gzip;
mod spool;
mod tar_header;
mod unpacker;
mod zstd;

pub use consumer::Condensed;
pub use copy::{Body, CopyFailure, copy_bodies};
pub use decoder::{Compression, DecodeError};
pub use elider::Run;
pub use unpacker::{Failure, Output, Unpacker};
