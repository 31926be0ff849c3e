//! Ethernet frames on a byte stream: each after its length as 4 bytes, big-endian.

mod reader;
mod writer;

pub use reader::{FrameReader, ReadOutcome};
pub use writer::{FlushOutcome, FrameWriter};

const PREFIX: usize = 4;
/// Largest frame that a monitor may hand over (64 KiB of segmentation offload and headers).
const MAX_FRAME: usize = 65536 + 64;
